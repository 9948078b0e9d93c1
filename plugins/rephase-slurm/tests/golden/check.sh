#!/bin/bash
# check of phase3 at scale logged after all of its runs have ended
#SBATCH --job-name=rephase-phase3-logged-check
#SBATCH --partition=ice-cpu
#SBATCH --account=coc
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --mem=4GB
#SBATCH --time=00:30:00
#SBATCH --output=/scratch/runs/logs/%x-%j.log
set -u

image=/scratch/images/rephase.sif
digest=abababababababababababababababababababababababababababababababab
# A file that was rebuilt under the same name is another image.
if ! echo "$digest  $image" | sha256sum --check --status; then
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
    "$image" check phase3 --scale logged
