"""A stand-in for `vgrout train` whose numbers hang on every step: `FOLDER new|resume STALL NEEDED…`.

Six steps, a checkpoint after every second; going on drops the rows behind it, as a run does. Where STALL is a step
and the start is new, it stops there until it is killed or, at SIGINT, saved. `parent` names who started it. Runs that are NEEDED must be finished beside it.
"""

import json
import os
import signal
import sys
from pathlib import Path

STEPS = 6


def main(folder: Path, start: str, stall: int, needed: list[str]) -> int:
    if missing := [name for name in needed if not (folder.parent / name / "eval.json").is_file()]:
        sys.stderr.write(f"error: {missing} are not here\n")
        return 2
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text("{}")
    rows, checkpoint = folder / "metrics.jsonl", folder / "checkpoint.pt"
    done, state = json.loads(checkpoint.read_text()) if start == "resume" else (0, len(folder.name))
    kept = rows.read_text().splitlines()[:done] if done else []
    rows.write_text("".join(f"{line}\n" for line in kept))
    for step in range(done + 1, STEPS + 1):
        if start == "new" and step == stall:
            (folder / "parent").write_text(str(os.getppid()))
            signal.sigwait({signal.SIGINT})
            checkpoint.write_text(json.dumps([step - 1, state]))
            return 130
        state = (state * 6364136223846793005 + step) % 2**64
        with rows.open("a") as file:
            file.write(json.dumps({"step": step, "value": state}) + "\n")
        if step % 2 == 0:
            temporary = folder / ".checkpoint"
            temporary.write_text(json.dumps([step, state]))
            temporary.replace(checkpoint)
    (folder / "eval.json").write_text(json.dumps({"value": state, "started": start}))
    sys.stdout.write("done\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4:]))
