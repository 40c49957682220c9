"""`tajo completion`: the script that lets a shell complete `tajo`'s words after Tab."""

from __future__ import annotations

from typing import Final

import click
from click.shell_completion import get_completion_class

from customer_sync.cli.output import FAILED, fail

#: Shell → how the script is switched on for good.
SHELLS: Final = {
    "bash": "echo 'eval \"$(tajo completion bash)\"' >> ~/.bashrc",
    "zsh": "echo 'eval \"$(tajo completion zsh)\"' >> ~/.zshrc",
    "fish": "tajo completion fish > ~/.config/fish/completions/tajo.fish",
}


@click.command(epilog="\b\nTo switch it on for good:\n" + "\n".join(f"  {line}" for line in SHELLS.values()))
@click.argument("shell", type=click.Choice(list(SHELLS)))
def completion(shell: str) -> None:
    """Print the script that completes commands, sources, runs, samples and more after Tab.

    In this shell at once: `eval "$(tajo completion bash)"`. The script is a text: there is no --json.
    """
    kind = get_completion_class(shell)
    if kind is None:
        fail(f"click, which completes the words, does not know {shell}.", "Update it.", FAILED)
    root = click.get_current_context().find_root()
    click.echo(kind(root.command, {}, "tajo", "_TAJO_COMPLETE").source())
