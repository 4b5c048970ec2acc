#!/bin/sh
# Bring .venv to exactly what the locks say; does nothing when it is there already.
#
#     PYTHON=python3 sh requirements/install.sh cpu|gpu run|dev|docs
#
# .venv/.installed holds copies of the locks that .venv was made from, and the folder it was made in.
# An installation that was cut short leaves .venv/.installed/unfinished and is begun again.
set -eu

lock=$1
purpose=$2
python=${PYTHON:-python3}
cd "$(dirname "$0")/.."
record=.venv/.installed

# Newest Python for which every locked package has a wheel, see `make lock`.
oldest="3.11"
newest="3.13"

complain() {
    printf '%s\n' "$@" >&2
    exit 1
}

# True when the record $1 holds what is given on standard input.
recorded() {
    cmp -s - "$record/$1" 2>/dev/null
}

describe_base() {
    printf '%s\n' "$PWD" "$lock"
    cat requirements/build.txt "requirements/$lock.txt"
}

pip() {
    .venv/bin/python -m pip --disable-pip-version-check --no-input "$@"
}

# The locks name every package with its hashes. connection-pool is published as source only; it is
# built with the locked setuptools, not with whatever is newest today.
install_locked() {
    pip install --quiet --require-hashes --no-build-isolation \
        --only-binary :all: --no-binary connection-pool -r "$1"
}

check_python() {
    found=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) ||
        complain "blockscope needs Python $oldest to $newest; '$python' does not run." \
            "If you have one, name it: make figures PYTHON=/path/to/python$newest" \
            "Otherwise docs/environments.md says how to get one without root, or a container."
    "$python" -c "import sys; v = sys.version_info[:2]
sys.exit(not tuple(map(int, '$oldest'.split('.'))) <= v <= tuple(map(int, '$newest'.split('.'))))" ||
        complain "blockscope needs Python $oldest to $newest, for which TensorFlow has releases;" \
            "'$python' is Python $found." \
            "If you have another one, name it: make figures PYTHON=/path/to/python$newest" \
            "Otherwise put Python $newest beside it, without root:" \
            "    $python -m venv ~/uv && ~/uv/bin/pip install uv && ~/uv/bin/uv python install $newest" \
            "    make figures PYTHON=\"\$(~/uv/bin/uv python find $newest)\"" \
            "docs/environments.md says more, also of conda and of containers."
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        complain "Python $found ('$python') has no venv module with ensurepip." \
            "On Debian and Ubuntu: sudo apt install python$found-venv"
    # From inside an activated environment, start from the Python that it was made with.
    python=$("$python" -c 'import sys; print(getattr(sys, "_base_executable", sys.executable))')
}

make_environment() {
    check_python
    echo "Making .venv with Python $found; the $lock packages take a minute or two ..."
    rm -rf .venv
    mkdir -p "$record"
    : >"$record/unfinished"
    "$python" -m venv .venv
}

[ -f "requirements/$lock.txt" ] ||
    complain "there is no lock '$lock' in requirements/; valid: cpu, gpu (make setup LOCK=...)"

if [ -e "$record/unfinished" ] || ! .venv/bin/python -c "import pip" 2>/dev/null; then
    make_environment
elif [ -e "$record/base" ] && ! describe_base | recorded base; then
    echo "The lock or the folder changed since .venv was made."
    make_environment
fi
mkdir -p "$record"

if ! describe_base | recorded base; then
    : >"$record/unfinished"
    install_locked requirements/build.txt
    install_locked "requirements/$lock.txt"
    rm -f "$record/package"
    describe_base >"$record/base"
    printf '%s\n' "$lock" >"$record/lock"
    rm "$record/unfinished"
fi

if ! cat pyproject.toml src/blockscope/__init__.py | recorded package; then
    pip install --quiet --no-deps --no-build-isolation --editable .
    cat pyproject.toml src/blockscope/__init__.py >"$record/package"
fi

if [ "$purpose" = dev ] && ! recorded dev <requirements/dev.txt; then
    echo "Adding the tools for tests and checks ..."
    : >"$record/unfinished"
    install_locked requirements/dev.txt
    cp requirements/dev.txt "$record/dev"
    rm "$record/unfinished"
fi

if [ "$purpose" = docs ] && ! recorded docs <requirements/docs.txt; then
    echo "Adding the tools for the site ..."
    : >"$record/unfinished"
    install_locked requirements/docs.txt
    cp requirements/docs.txt "$record/docs"
    rm "$record/unfinished"
fi
