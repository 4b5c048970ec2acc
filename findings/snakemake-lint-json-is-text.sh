#!/bin/sh
# Snakemake 9.27.1: `snakemake --lint json` is documented to print JSON, and prints the same text as
# `--lint`, on stderr; stdout stays empty. The command line hands its argument to nobody: the Python
# interface, WorkflowApi.lint(json=True), does give JSON.
# So blockscope's check of its workflow reads the text (tests/workflow/test_lint.py).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check snakemake==9.27.1 2>/dev/null
cd "$folder"
printf 'rule copy:\n    output: "a.txt"\n    shell: "echo 1 > {output}"\n' >Snakefile
XDG_CACHE_HOME="$folder/cache" "$folder/venv/bin/python" -m snakemake --lint json >out 2>err || true
printf 'snakemake %s: %s bytes on stdout; on stderr: %s\n' \
    "$("$folder/venv/bin/python" -m snakemake --version)" "$(wc -c <out)" \
    "$(grep -m 1 'Lints for rule' err)"
[ ! -s out ] && grep -q '^Lints for rule copy' err
# Seen: snakemake 9.27.1: 0 bytes on stdout; on stderr: Lints for rule copy (line 1, .../Snakefile):
