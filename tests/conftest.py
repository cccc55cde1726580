"""One thread, no network for models, and a width of terminal that is always the same."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["COLUMNS"] = "140"
os.environ.pop("FORCE_COLOR", None)

import torch  # noqa: E402  # after the environment it reads

torch.set_num_threads(1)
