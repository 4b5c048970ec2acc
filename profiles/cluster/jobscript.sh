#!/bin/sh
# properties = {properties}
trap 'echo $? >"logs/cluster/${{PBS_JOBID:-${{LSB_JOBID:-$JOB_ID}}}}.ended"' EXIT
{exec_job}
