#!/bin/sh
# Snakemake 9.27.1: a result taken from the between-workflow cache (--cache) is a link into the cache,
# to a file that everybody may write (mode 666), and nothing is compared when it is taken. What a user or
# a tool appends to "their" result changes it in all projects, and the next project that asks for it gets
# the changed file: exit 0, no message.
# So blockscope copies shared results and compares their checksums (`shared_results`, docs/scale.md).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check snakemake==9.27.1 2>/dev/null
export XDG_CACHE_HOME="$folder/home" SNAKEMAKE_OUTPUT_CACHE="$folder/shared"
mkdir "$SNAKEMAKE_OUTPUT_CACHE"
for project in one two; do
    mkdir "$folder/$project"
    cd "$folder/$project"
    printf 'rule all:\n    input: "copy.txt"\nrule made:\n    output: "a.txt"\n    cache: "omit-software"\n    shell: "echo 1 > {output}"\nrule copied:\n    input: "a.txt"\n    output: "copy.txt"\n    shell: "cp {input} {output}"\n' >Snakefile
    "$folder/venv/bin/python" -m snakemake --cores 1 --cache >out 2>&1
    [ "$project" = two ] || echo 'edited in project one' >>a.txt
done
entry=$(echo "$SNAKEMAKE_OUTPUT_CACHE"/*.txt)
printf 'snakemake %s: mode %s; project two computed from: %s\n' \
    "$("$folder/venv/bin/python" -m snakemake --version)" "$(stat -c %a "$entry")" "$(tr '\n' ' ' <copy.txt)"
[ -L a.txt ] && [ "$(stat -c %a "$entry")" = 666 ] && grep -q 'edited in project one' copy.txt
# Seen: snakemake 9.27.1: mode 666; project two computed from: 1 edited in project one
