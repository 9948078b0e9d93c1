#!/bin/bash
# phase3 at scale logged, array baseline; written by rephase submit
#SBATCH --job-name=rephase-phase3-logged-baseline
#SBATCH --partition=ice-gpu
#SBATCH --account=coc
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=16
#SBATCH --mem=450GB
#SBATCH --time=16:00:00
#SBATCH --gres=gpu:H100:1
#SBATCH --array=0-8%4
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@300
#SBATCH --output=/scratch/runs/logs/%x-%A_%a.log
# USR1 comes to this shell alone: the time is nearly up, so the run is told to write its checkpoint and stop.
# TERM, when the job is cancelled or requeued, SLURM sends to every process itself; this shell only waits.
asked=
payload=
trap 'asked=USR1; [ -z "$payload" ] || kill -s TERM "$payload" 2>/dev/null' USR1
trap 'asked=TERM' TERM
set -u

# Index of a task and the run it is; a manifest that means another run by then starts nothing.
runs=(
    [0]=baseline/reacher-easy/seed-42
    [1]=baseline/reacher-easy/seed-123
    [2]=baseline/reacher-easy/seed-456
    [3]=baseline/walker-stand/seed-42
    [4]=baseline/walker-stand/seed-123
    [5]=baseline/walker-stand/seed-456
    [6]=baseline/cheetah-run/seed-42
    [7]=baseline/cheetah-run/seed-123
    [8]=baseline/cheetah-run/seed-456
)

finish() {  # A signal ends `wait` early, so wait until the process is really gone.
    while kill -0 "$payload" 2>/dev/null; do wait "$payload"; done
    wait "$payload"
    code=$?
    payload=
}
restarts=${SLURM_RESTART_COUNT:-0}
again() {  # Not SLURM_JOB_ID: for one task of an array that is the number of the whole array, ended ones included.
    echo "rephase: $1; back into the queue, the run goes on from its checkpoint" >&2
    scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
}
nearly_up() { [ "$asked" = USR1 ] && [ "$restarts" -lt 50 ]; }
was_killed() { [ "$code" -gt 128 ] && [ "$code" -lt 193 ] && [ "$code" -ne 130 ] && [ -z "$asked" ] &&
    [ "$restarts" -lt 3 ]; }

image=/scratch/images/rephase.sif
digest=abababababababababababababababababababababababababababababababab
# A file that was rebuilt under the same name is another image. This takes a while, so signals are answered meanwhile.
sha256sum --check --status <<<"$digest  $image" &
payload=$!
finish
if [ -n "$asked" ]; then
    if nearly_up; then again "the time is nearly up before the image was read"; fi
    exit 143
fi
if [ "$code" -ne 0 ]; then
    echo "rephase: $image is missing or is not the image that was submitted (sha256:$digest)" >&2
    exit 3
fi

# The container starts from a clean environment and is told these by name.
export APPTAINERENV_REPHASE_IMAGE_DIGEST=sha256:abababababababababababababababababababababababababababababababab
export APPTAINERENV_PYTHONNOUSERSITE=1
export APPTAINERENV_PYTHONUNBUFFERED=1
for name in CUDA_VISIBLE_DEVICES SLURM_JOB_ID SLURM_ARRAY_JOB_ID SLURM_ARRAY_TASK_ID SLURM_JOB_PARTITION SLURMD_NODENAME SLURM_RESTART_COUNT SLURM_CPUS_PER_TASK; do
    [ -z "${!name+set}" ] || export "APPTAINERENV_$name=${!name}"
done
# Apptainer says nothing when it is asked for a GPU and there is none, so look first.
gpu=()
if nvidia-smi -L >/dev/null 2>&1; then gpu=(--nv); fi

apptainer run ${gpu[@]+"${gpu[@]}"} --cleanenv --no-home --no-mount cwd --pwd / --bind /scratch/clone:/scratch/clone:ro --bind /scratch/runs:/scratch/runs:rw \
    "$image" run phase3 --scale logged --config baseline --index "$SLURM_ARRAY_TASK_ID" --expect-run "${runs[$SLURM_ARRAY_TASK_ID]}" &
payload=$!
[ "$asked" != USR1 ] || kill -s TERM "$payload" 2>/dev/null  # it came while the run was being started
finish
if [ "$code" -eq 255 ]; then
    echo "rephase: the container could not be started (exit code 255); the lines above say why" >&2
elif [ "$code" -ne 0 ] && nearly_up; then
    again "the time is nearly up"
elif was_killed; then
    again "the run was killed (exit code $code)"
fi
exit "$code"
