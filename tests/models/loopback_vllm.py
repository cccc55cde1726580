"""A real HTTP server on loopback that stands in for vLLM: its protocol for adapters, its errors, its restarts, and what it keeps in memory."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from tests.models.loopback import delta


def change(folder):
    """path -> the change of weights that the PEFT files in a folder make, read as vLLM reads them: one alpha / r for all."""
    config = json.loads((folder / "adapter_config.json").read_text())
    tensors = load_file(folder / "adapter_model.safetensors")
    paths = sorted({name.removeprefix("base_model.model.").rpartition(".lora_")[0] for name in tensors})
    scale = config["lora_alpha"] / config["r"]
    at = "base_model.model.{}.lora_{}.weight".format
    return {path: scale * tensors[at(path, "B")].astype(float) @ tensors[at(path, "A")].astype(float) for path in paths}


class VLLMDouble:
    """Serves "base" and the adapters that it is told of; an answer says which model gave it, and what that model's adapter changes.

    `runtime`: whether it lets itself be told; `inplace`: whether it knows load_inplace; `drops`: whether unloading also drops
    the weights from its memory; `slots`: how many adapters fit.
    """

    def __init__(self, runtime=True, inplace=True, drops=False, max_lora_rank=64, slots=1000):
        self.runtime, self.inplace, self.drops, self.max_lora_rank, self.slots = runtime, inplace, drops, max_lora_rank, slots
        self.loras, self.memory, self.calls, self.asked = {}, {}, [], []
        self.slow, self.before, self._lock = 0.0, None, threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version, disable_nagle_algorithm = "HTTP/1.1", True

            def do_GET(self):
                outer.reply(self, *outer.models())

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                job = self.path.rpartition("/")[2]
                if job in ("load_lora_adapter", "unload_lora_adapter"):
                    with outer._lock:
                        outer.calls.append((job.partition("_")[0], body["lora_name"]))
                    time.sleep(outer.slow)
                    outer.reply(self, *getattr(outer, job)(**body))
                elif outer.before and outer.before(self, body):
                    pass
                else:
                    outer.reply(self, *outer.answered(body))

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()

    def restart(self):
        """As when its process is started again: whatever it was told is lost."""
        self.loras.clear()
        self.memory.clear()

    def reply(self, handler, status, body):
        raw = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(raw)))
        handler.end_headers()
        handler.wfile.write(raw)

    def models(self):
        base = {"id": "base", "object": "model", "root": "org/base-7b", "parent": None}
        return 200, {"object": "list", "data": [base, *({"id": name, "root": path, "parent": "base"} for name, path in self.loras.items())]}

    def load_lora_adapter(self, lora_name, lora_path, load_inplace=False):
        if not self.runtime:
            return 404, {"detail": "Not Found"}
        if lora_name in self.loras and not (load_inplace and self.inplace):
            return error(400, f"The lora adapter '{lora_name}' has already been loaded.", "InvalidUserInput")
        folder = Path(lora_path)
        if not (folder / "adapter_config.json").is_file():
            return error(404, f"Loading lora {lora_name} failed: No adapter found for {lora_path}", "NotFoundError")
        rank = json.loads((folder / "adapter_config.json").read_text())["r"]
        if rank > self.max_lora_rank:
            message = f"Call to add_lora method failed: LoRA rank {rank} is greater than max_lora_rank {self.max_lora_rank}."
            return error(500, message, "InternalServerError")
        if len(self.loras) >= self.slots and lora_name not in self.loras:
            return error(400, "No free lora slots", "BadRequestError")
        self.memory[lora_name] = change(folder)
        self.loras[lora_name] = lora_path
        return 200, f"Success: LoRA adapter '{lora_name}' added successfully."

    def unload_lora_adapter(self, lora_name):
        if not self.runtime:
            return 404, {"detail": "Not Found"}
        if lora_name not in self.loras:
            return error(404, f"The lora adapter '{lora_name}' cannot be found.", "NotFoundError")
        del self.loras[lora_name]
        if self.drops:
            del self.memory[lora_name]
        return 200, f"Success: LoRA adapter '{lora_name}' removed successfully."

    def answered(self, body):
        model = body["model"]
        self.asked.append(model)
        if model != "base" and model not in self.loras:
            return error(404, f"The model `{model}` does not exist.", "NotFoundError")
        changed = sum(float(np.abs(made).sum()) for made in self.memory[model].values()) if model != "base" else 0.0
        if "prompt" in body:
            tokens = [*body["prompt"], "x"]
            told = {"tokens": tokens, "token_logprobs": [None, *[-changed] * (len(tokens) - 1)]}
            return 200, {"choices": [{"text": "", "logprobs": told}], "usage": {"completion_tokens": 1}}
        text = f"{changed:.4f}"
        if body.get("stream"):
            usage = {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 1}}
            return 200, delta(text, finish_reason="stop") + b"data: " + json.dumps(usage).encode() + b"\n\ndata: [DONE]\n\n"
        choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return 200, {"choices": [choice], "usage": {"prompt_tokens": 5, "completion_tokens": 1}}


def error(status, message, kind):
    return status, {"error": {"message": message, "type": kind, "param": None, "code": status}}
