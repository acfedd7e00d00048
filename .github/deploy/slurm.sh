#!/bin/bash
# A run as eight tasks of a Slurm array. Its arguments are those of the program:
#   sbatch slurm.sh --env-file /home/me/.config/fmp-ingest.env --tickers-path /home/me/tickers.csv
# README.md beside this file explains it.
#SBATCH --job-name=fmp-ingest
#SBATCH --array=1-8
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --mem=512M
#SBATCH --time=06:00:00
#SBATCH --output=%x-%A-%a.log
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:USR1@120
#SBATCH --export=NONE

# A task that dies whatever is done shall not be started for ever.
max_restarts=20

# Slurm sends SIGTERM to every process of a task that it ends, so to the program itself: this shell only waits for it.
trap : TERM
# Two minutes before the time limit Slurm sends SIGUSR1, to this shell alone. The program then finishes its writes.
out_of_time=false
trap 'out_of_time=true; kill -TERM "$program"' USR1

/usr/local/bin/ingest --quiet --ledger "$@" &
program=$!

# A signal ends a wait; the program's end ends the task. Its exit code is that of a wait when it is gone.
while wait "$program"; kill -0 "$program" 2> /dev/null; do :; done
wait "$program"
code=$?

# Killed, or out of time: the task goes on where it stopped. Another SIGTERM (143) is somebody's wish.
if [ "$code" -gt 128 ] && { [ "$code" -ne 143 ] || [ "$out_of_time" = true ]; } &&
  [ "${SLURM_RESTART_COUNT:-0}" -lt "$max_restarts" ]; then
  # Not by SLURM_JOB_ID: that of one of the tasks is the number of the whole array.
  scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
fi
exit "$code"
