#!/usr/bin/env bash
# one_node_slurm.sh FOLDER: a Slurm of this machine alone on 127.0.0.1, as root, from Debian's slurmctld, slurmd,
# slurm-client and munge. Prints what to export; `kill $(cat FOLDER/*.pid FOLDER/munge/*.pid)` ends it.
set -euo pipefail
folder=$(realpath -m "$1"); mkdir -p "$folder"/{state,spool}; host=$(hostname -s)
install -d -o munge -g munge /run/munge "$folder/munge"
chmod a+x "$folder"
runuser -u munge -- munged --force --socket="$folder/munge/socket" --pid-file="$folder/munge/munged.pid" \
  --log-file="$folder/munge/log" --seed-file="$folder/munge/seed"
cat > "$folder/slurm.conf" <<CONF
ClusterName=one
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
SlurmctldPort=26817
SlurmdPort=26818
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF="$folder/slurm.conf"
slurmctld
slurmd
echo "export SLURM_CONF=$SLURM_CONF"
