#!/bin/sh
# Snakemake 9.27.1: a job that fails is recorded with its new parameters, as if it had succeeded. Its
# file is removed, but what was made of the older one counts as up to date from then on. With
# --keep-incomplete, by which the finished jobs of a group that fails keep their files, so do the
# older files of those jobs of the group that had not begun.
# So blockscope's default target lists all files, what a failure outdates is marked
# (runtime/lost_results.py), and what submissions finish is kept (runtime/result_cache.py).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check snakemake==9.27.1 2>/dev/null
cd "$folder"
cat >Snakefile <<'END'
rule b:
    input: "a.txt"
    output: "b.txt"
    shell: "cp {input} {output}"

rule a:
    output: "a.txt"
    params: value=config["value"]
    shell: "test ! -e broken; echo {params.value} > {output}"
END
run() {
    XDG_CACHE_HOME="$folder/cache" "$folder/venv/bin/python" -m snakemake --cores 1 \
        --config value="$1" >out 2>&1
}
run one
touch broken
run two && exit 1
rm broken
run two
printf 'snakemake %s: %s; b.txt: %s, made of "two" it would be "two"\n' \
    "$("$folder/venv/bin/python" -m snakemake --version)" "$(grep -o 'Nothing to be done' out)" \
    "$(cat b.txt)"
[ ! -e a.txt ] && [ "$(cat b.txt)" = one ]
# Seen: snakemake 9.27.1: Nothing to be done; b.txt: one, made of "two" it would be "two"
