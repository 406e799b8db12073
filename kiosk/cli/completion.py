"""`kiosk completion`: tab completion for the shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print the tab completion for SHELL, to be loaded by its start-up file.

    \b
    bash:  kiosk completion bash > ~/.local/share/bash-completion/completions/kiosk
    zsh:   kiosk completion zsh  > "${fpath[1]}/_kiosk"
    fish:  kiosk completion fish > ~/.config/fish/completions/kiosk.fish
    """  # noqa: D301  # click's own mark for lines to be left as they are
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"no completion for {shell}")
    root = click.get_current_context().find_root().command
    click.echo(found(root, {}, "kiosk", "_KIOSK_COMPLETE").source())
