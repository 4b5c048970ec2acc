#!/bin/sh
# What profiles/cluster says to PBS, LSF or SGE, whichever is here:
#
#     jobs.sh submit THREADS MB MINUTES GPUS RULE SCRIPT     prints the number of the job
#     jobs.sh status NUMBER                                  prints success, failed or running
#     jobs.sh NUMBER ...                                     cancels jobs
set -eu

logs=$PWD/logs/cluster

# SITE: options that every job needs, such as -q QUEUE, and -P or -A PROJECT.
options=""

if command -v bsub >/dev/null; then
    scheduler=lsf
elif command -v qsub >/dev/null && command -v qconf >/dev/null; then
    scheduler=sge
elif command -v qsub >/dev/null; then
    scheduler=pbs
else
    echo "profiles/cluster is for LSF (bsub), SGE (qsub and qconf) and PBS (qsub), and PATH has none of" \
        "these programs; load the scheduler's module, or take another profile (docs/cluster.md)" >&2
    exit 1
fi

submit() {
    threads=$1 mb=$2 minutes=$3 gpus=$4 name=blockscope_$5 script=$6
    mkdir -p "$logs"
    # SITE: the names of the resources, where the cluster has others.
    case $scheduler in
    pbs)
        [ "$gpus" -eq 0 ] || gpu=":ngpus=$gpus"
        number=$(qsub -N "$name" -j oe -o "$logs/" \
            -l "select=1:ncpus=$threads:mem=${mb}mb${gpu:-}" -l "walltime=$((minutes * 60))" \
            $options "$script")
        ;;
    lsf)
        [ "$gpus" -eq 0 ] || options="$options -gpu num=$gpus"
        # Job <123> is submitted to queue <normal>.
        number=$(bsub -J "$name" -oo "$logs/%J.log" -n "$threads" -R "span[hosts=1]" \
            -R "rusage[mem=${mb}MB]" -M "${mb}MB" -W "$minutes" $options <"$script" |
            sed -n 's/^Job <\([0-9]*\)>.*/\1/p')
        ;;
    sge)
        [ "$gpus" -eq 0 ] || options="$options -l gpu=$gpus"
        [ "$threads" -eq 1 ] || options="$options -pe smp $threads"
        # h_vmem is for each thread, and counts address space, of which TensorFlow takes more.
        number=$(qsub -terse -N "$name" -j y -o "$logs/" -S /bin/sh -cwd \
            -l "mem_free=${mb}M" -l "h_rt=$((minutes * 60))" $options "$script")
        ;;
    esac
    [ -n "$number" ] || return 1
    ended=$logs/$number.ended
    if [ -e "$ended" ] && [ ! "$ended" -nt "$script" ]; then
        rm "$ended" # of a job that had this number long ago
    fi
    echo "$number"
}

# Tell whether a job waits or runs; also where the scheduler does not answer.
listed() {
    case $scheduler in
    pbs) qstat "$1" >/dev/null 2>&1 || ! qstat -B >/dev/null 2>&1 ;;
    sge) qstat -j "$1" >/dev/null 2>&1 || ! qstat >/dev/null 2>&1 ;;
    lsf)
        case $(bjobs -noheader -o stat "$1" 2>/dev/null) in
        DONE | EXIT | "") ! bqueues >/dev/null 2>&1 ;;
        esac
        ;;
    esac
}

# A job that has ended says so; one that was killed is no longer listed, and has said nothing.
status() {
    ended=$logs/$1.ended
    if [ ! -s "$ended" ] && listed "$1"; then
        echo running
        return
    fi
    [ -s "$ended" ] || sleep "${PATIENCE:-10}" # until the file is seen on this machine
    if [ -s "$ended" ] && [ "$(cat "$ended")" -eq 0 ]; then
        echo success
    else
        echo failed
    fi
}

case ${1:-} in
submit) shift && submit "$@" ;;
status) status "$2" ;;
*)
    case $scheduler in
    lsf) bkill "$@" ;;
    *) qdel "$@" ;;
    esac
    ;;
esac
