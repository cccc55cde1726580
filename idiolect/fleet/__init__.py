"""Learning many people with many processes: shards of people out, states in, and one writer that keeps them."""

from idiolect.fleet.cluster import Cluster
from idiolect.fleet.crew import Crew, dispatch
from idiolect.fleet.learn import Learning, learn
from idiolect.fleet.local import Local
from idiolect.fleet.processes import Processes
from idiolect.fleet.work import Failed, Learnt, Lost, Work

__all__ = ["Cluster", "Crew", "Failed", "Learning", "Learnt", "Local", "Lost", "Processes", "Work", "dispatch", "learn"]
