"""Small pictures inside table cells: every run a dot on the line from 0 to 1."""

from collections.abc import Sequence

WIDTH, HEIGHT, MARGIN = 132, 22, 6


def share_strip(
    dots: Sequence[float], slot: int, *, centre: float | None, bounds: tuple[float, float] | None
) -> str:
    """Dots of the runs, a bar at `centre` and a line over `bounds`, as SVG; hidden from screen readers.

    The numbers stand in text beside it.
    """
    middle = HEIGHT / 2
    parts = [
        f'<line class="axis" x1="{_x(0)}" x2="{_x(1)}" y1="{middle}" y2="{middle}"/>',
        *(f'<line class="axis" x1="{_x(v)}" x2="{_x(v)}" y1="{middle - 3}" y2="{middle + 3}"/>' for v in (0, 0.5, 1)),
    ]  # fmt: skip
    if bounds is not None:
        low, high = bounds
        parts.append(f'<line class="bounds" x1="{_x(low)}" x2="{_x(high)}" y1="{middle}" y2="{middle}"/>')
    parts += [f'<circle cx="{_x(value)}" cy="{middle}" r="3.6"/>' for value in dots]
    if centre is not None:
        parts.append(f'<line class="centre" x1="{_x(centre)}" x2="{_x(centre)}" y1="2" y2="{HEIGHT - 2}"/>')
    return _svg(parts, f"--c: var(--arm-{slot})")


def estimate_strip(estimate: float, bounds: tuple[float, float]) -> str:
    """An estimate within [-1, 1] with its interval against a line at zero; nothing where it lies outside."""
    low, high = bounds
    if not -1 <= low <= high <= 1 or not -1 <= estimate <= 1:
        return ""
    middle = HEIGHT / 2
    parts = [
        f'<line class="axis" x1="{_x(0)}" x2="{_x(1)}" y1="{middle}" y2="{middle}"/>',
        f'<line class="zero" x1="{_x(0.5)}" x2="{_x(0.5)}" y1="2" y2="{HEIGHT - 2}"/>',
        f'<line class="bounds" x1="{_x(low / 2 + 0.5)}" x2="{_x(high / 2 + 0.5)}" y1="{middle}" y2="{middle}"/>',
        f'<circle cx="{_x(estimate / 2 + 0.5)}" cy="{middle}" r="3.6"/>',
    ]
    return _svg(parts, "--c: var(--accent)")


def _svg(parts: list[str], style: str) -> str:
    body = "".join(parts)
    return (
        f'<svg class="strip" style="{style}" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'aria-hidden="true">{body}</svg>'
    )


def _x(share: float) -> str:
    return f"{MARGIN + (WIDTH - 2 * MARGIN) * share:.1f}"
