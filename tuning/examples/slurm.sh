#!/usr/bin/env bash
# A search on a SLURM cluster: the first task is the chief, the others are its workers. Started again after the time
# limit or a node's failure, it goes on. Submit: sbatch tuning/examples/slurm.sh
#
# All nodes need the corpora, the environment and a folder that they share (OUT).
#SBATCH --job-name=ser-keras-tune
#SBATCH --ntasks=9
#SBATCH --cpus-per-task=4
#SBATCH --mem-per-cpu=2G
#SBATCH --time=08:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=tune-%j.log
set -euo pipefail

OUT=${OUT:-$PWD/runs/tune}
EMODB=${EMODB:-$PWD/data/emodb}
PORT=${PORT:-$((20000 + SLURM_JOB_ID % 20000))}
CHIEF=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
export OUT EMODB PORT CHIEF
export OMP_NUM_THREADS=$SLURM_CPUS_PER_TASK TF_NUM_INTRAOP_THREADS=$SLURM_CPUS_PER_TASK
export SER_KERAS_CACHE=${SER_KERAS_CACHE:-$OUT/cache}

# A worker that comes early waits for the chief; --kill-on-bad-exit=0 lets the others go on when one dies.
srun --kill-on-bad-exit=0 bash -c '
    tune=(ser-keras tune anand2015_cnn --corpus "emodb=$EMODB" --strategy random_grid --max-trials 48 --out "$OUT")
    if [ "$SLURM_PROCID" -eq 0 ]; then
        exec "${tune[@]}" --chief "0.0.0.0:$PORT"
    fi
    exec "${tune[@]}" --join "$CHIEF:$PORT"
'
