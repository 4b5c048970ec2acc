#!/bin/sh
# Snakemake 9: an input that is replaced by another file with an earlier time is not seen, although Snakemake has the
# checksum of the one that it used (`max-checksum-file-size`). Checksums are only asked once a file is newer than the
# output, to spare a job whose input was touched; nobody asks them of a file that is older. A picture taken back from a
# backup, `cp -p`, `rsync -a`, an unpacked archive or `mv` of an earlier version all keep the old time: "Nothing to be
# done", and the result is of another input.
# So every rule of blockscope that reads a user's file has its digest as a parameter (workflow/rules).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check snakemake==9.27.1 2>/dev/null
cd "$folder"
cat >Snakefile <<'SMK'
rule copy:
    input: "picture"
    output: "copied"
    shell: "cp {input} {output}"
SMK
run() { venv/bin/snakemake --cores 1 --rerun-triggers mtime params input code software-env 2>&1; }
printf 'blue\n' >picture
run >/dev/null
printf 'red, and another length\n' >kept
touch -d '2001-01-01' kept
cp -p kept picture
said=$(run | grep -c "Nothing to be done" || true)
touch picture
run >/dev/null
echo "snakemake $(venv/bin/snakemake --version): nothing to be done: $said time; then touched: $(cat copied)"
[ "$said" = 1 ]
[ "$(cat copied)" = "red, and another length" ]
# Seen: snakemake 9.27.1: nothing to be done: 1 time; then touched: red, and another length
