"""``python -m intarsia.digits``: train the network from nothing, quantize it, store both."""

import numpy as np
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from intarsia.digits import MODEL, WEIGHTS, data
from intarsia.digits.quantize import quantize
from intarsia.digits.tape import Variable
from intarsia.digits.train import EPOCHS, accuracy, train


def main() -> None:
    """Replace the committed network by a new one."""
    images, labels = data.training()
    columns = "training", BarColumn(), TextColumn("loss {task.fields[loss]:.3f}")
    with Progress(*columns, TimeRemainingColumn()) as progress:
        task = progress.add_task("", total=EPOCHS, loss=np.log(10))
        parameters = train(
            images, labels, report=lambda loss: progress.update(task, advance=1, loss=loss)
        )
    variables = {name: Variable(value.astype(np.float32)) for name, value in parameters.items()}
    model = quantize(parameters, images)
    np.savez(WEIGHTS, allow_pickle=False, **parameters)
    MODEL.write_bytes(model)
    print(f"float, held-out images: {accuracy(variables, *data.held_out()):.2%} right")
    print(f"wrote {WEIGHTS.name} and {MODEL.name}, {len(model)} bytes")


if __name__ == "__main__":
    main()
