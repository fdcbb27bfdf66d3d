"""bench/results.json to what people read: RESULTS.md, the plots, and the section of README.md."""

import json
import re
import textwrap
from pathlib import Path

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot

HERE = Path(__file__).resolve().parent
README = HERE.parent / "README.md"

# The provider that is published as `alicloud`, 3.105.0: Go, bridged from Terraform. Measured once on a machine of two
# processors, not in this run.
OFFICIAL = {
    "port_line_ms": "241 ms",
    "idle_rss_mib": "185 MiB",
    "creates_100": "272 MiB",
    "binary_mb": "348 MB",
    "schema_mb": "10.5 MB",
    "waited_1": "10 s",
    "waited_100": "507 s, 591 calls (8 at a time)",
}
# Plugins that do nothing.
FLOORS = ("echo", "echo of states")
ACTIONS = ("preview", "up", "preview, no change", "refresh", "destroy")


def figure(value, unit, digits=1):
    return "not measured" if value is None else f"{value:,.{digits}f} {unit}"


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines) + "\n"


def got(results, *keys):
    """What stands there, or nothing where a part was left out."""
    for key in keys:
        if results is None:
            return None
        results = dict(enumerate(results)).get(key) if isinstance(results, list) else results.get(key)
    return results


def met(value, limit, least=False):
    if value is None:
        return "not measured"
    return "met" if (value >= limit if least else value <= limit) else "missed"


def ratios(results):
    for name, row in (results["throughput"] or {}).items():
        yield (
            name,
            row["ratio"],
            0.7,
            (
                f"{row['calls_per_s']:,.0f} calls/s; echo {row['echo_calls_per_s']:,.0f}; processor time a call "
                f"{row['processor_us_per_call']:.0f} µs; echo {row['echo_processor_us_per_call']:.0f} µs"
            ),
        )
    for name, row in (results["signatures"] or {}).items():
        yield (
            f"sign {name}",
            row["ratio"],
            0.5,
            (
                f"{row['signatures_per_s']:,.0f} signatures/s; bare digests of the same {row['bytes']} bytes "
                f"{row['bare_per_s']:,.0f}"
            ),
        )


def process_rows(results):
    """One process: what is measured, ours, whether the target is met, the official provider's."""
    mine = got(results, "start", "ours")
    creates = got(results, "creates", "ours")
    for what, value, unit, limit, official in (
        ("port line after exec", got(mine, "port_line_ms"), "ms", 5, OFFICIAL["port_line_ms"]),
        ("Configure, no network", got(mine, "configure_ms"), "ms", 1, ""),
        ("resident, idle", got(mine, "idle_rss_mib"), "MiB", 8, OFFICIAL["idle_rss_mib"]),
        ("resident, 100 creates in flight", got(creates, 0, "in_flight_rss_mib"), "MiB", None, OFFICIAL["creates_100"]),
        ("resident, 1,000 creates in flight", got(creates, 1, "in_flight_rss_mib"), "MiB", 32, ""),
        ("binary", got(mine, "binary_mb"), "MB", 10, OFFICIAL["binary_mb"]),
        ("schema", got(mine, "schema_mb"), "MB", None, OFFICIAL["schema_mb"]),
    ):
        target = "" if limit is None else f"≤ {limit} {unit}: {met(value, limit)}"
        yield [what, figure(value, unit, 2), target, official]


def waited_rows(results):
    for row in filter(None, results["waited"]):
        key = f"waited_{row['images']}"
        yield [
            f"{row['images']} ready after {row['ready_after_s']} s, {row['parallel']} at a time ({row['plugin']})",
            f"{row['up_s']:.1f} s",
            f"{row['last_look_after_last_create_s']:.1f} s",
            f"{row['describe_images']}",
            OFFICIAL[key] if row["plugin"] == "ours" else "",
        ]


def is_busy(machine):
    return (machine["busy_at_start"] or 0) > machine["busy_limit"]


def about(results):
    machine = results["machine"]
    text = (
        f"{results['date']}, {machine['processors']} processors ({machine['processor']}), "
        f"{machine['memory_gib']} GiB, {machine['system']}. "
    )
    if machine["busy_at_start"] is None:
        return text + "Whether other programs ran beside is not known here."
    text += f"Other programs took {machine['busy_at_start']:.0%} of the processors at the start"
    if is_busy(machine):
        text += ": **the machine was busy**, so that absolute figures are too high"
    return text + "."


def markdown(results):
    parts = [
        "# Measurements\n",
        "Made by `make bench`; nothing here is written by hand.\n",
        about(results) + f" The run took {results['seconds']} s.\n",
        "## Ratios\n",
        "Calls over gRPC against an echo that answers with what it was sent; signatures against the digests alone. "
        "By turns, in one run.\n",
        table(
            ["what", "ratio", "target", "figures"],
            [
                [name, f"**{ratio:.2f}**", f"≥ {limit}: {met(ratio, limit, least=True)}", text]
                for name, ratio, limit, text in ratios(results)
            ],
        ),
        "## The process\n",
        "The last column is no measurement of this run: the published provider 3.105.0 (Go, bridged), once, "
        "on a machine of two processors.\n",
        table(["what", "measured", "target", "3.105.0, for reference"], process_rows(results)),
    ]
    if peer := got(results, "start", "peer"):
        rows = [[key, f"{value:,.2f}"] for key, value in peer.items()]
        rows += [
            [f"{row['creates']} creates in flight, MiB", f"{row['in_flight_rss_mib']:,.1f}"]
            for row in filter(None, results["creates"]["peer"])
        ]
        parts += ["## The other plugin\n", table(["what", "measured"], rows)]
    if lives := [life for life in results["life"] if life]:
        names = list(lives[0]["seconds"])
        others = [name for name in names if name not in FLOORS]
        rows = []
        for life in lives:
            for action in ACTIONS:
                floor = life["seconds"]["echo"][action]
                row = [f"{life['images']:,}", action]
                for name in others:
                    row += [f"{life['seconds'][name][action] / floor:.2f}", f"{life['seconds'][name][action]:.1f} s"]
                of_states = life["seconds"].get("echo of states", {}).get(action)
                rows.append([*row, f"{floor:.1f} s", f"{of_states:.1f} s" if of_states else ""])
        head = [
            "images",
            "action",
            *(word for name in others for word in (f"{name} / engine", name)),
            "engine with the echo",
            "engine with states as large",
        ]
        parts += [
            "## The real command\n",
            "Images ready at once, the engine's usual parallelism, and as the floor the same program with a plugin "
            "that does nothing. What the engine writes after each step grows with the states, and an image's state is "
            "larger than its inputs; so the last column has that plugin answer with states as large as an image's.\n",
            table(head, rows),
            "![Seconds of each action by number of images](life.svg)\n",
            "## Calls for one image\n",
            table(
                ["images", "plugin", *ACTIONS],
                [
                    [f"{life['images']:,}", name, *(calls(life["calls_per_image"][name][action]) for action in ACTIONS)]
                    for life in lives
                    for name in others
                ],
            ),
        ]
    parts += [
        "## Waiting\n",
        table(
            ["images", "`up`", "last look after the last create", "DescribeImages", "3.105.0, for reference"],
            waited_rows(results),
        ),
    ]
    if previews := results["preview"]:
        parts += [
            "## Previews as they grow\n",
            "The fastest of three for each size.\n",
            table(
                ["resources", "new: Check + preview Create", "each", "known: Check + Diff", "each", "peak memory"],
                [
                    [
                        f"{row['resources']:,}",
                        *each(row["new_s"], row["resources"]),
                        *each(row["known_s"], row["resources"]),
                        f"{row['peak_rss_mib']:.1f} MiB",
                    ]
                    for row in previews
                ],
            ),
            "![Seconds by number of resources](preview.svg)\n",
        ]
    if micro := results["micro_us"]:
        parts += [
            "## Single operations\n",
            "By criterion, in the build that `make instructions` counts in (no link-time optimisation).\n",
            table(["operation", "median"], [[name, f"{value:,.2f} µs"] for name, value in micro.items()]),
        ]
    parts += ["## Left out\n", "".join(f"- {what}\n" for what in results["left_out"]) or "Nothing.\n"]
    return "\n".join(parts)


def each(seconds, number):
    return f"{seconds:.3f} s", f"{seconds / number * 1e6:.0f} µs"


def calls(by_action):
    return ", ".join(f"{action} {count:.3g}" for action, count in by_action.items()) or "none"


def plot(name, draw):
    matplotlib.rcParams.update({"svg.hashsalt": "bench", "svg.fonttype": "none", "font.family": "sans-serif"})
    shown, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    draw(axes)
    axes.set(xscale="log", yscale="log", ylabel="seconds")
    axes.grid(which="major", alpha=0.3)
    axes.legend(frameon=False)
    shown.savefig(HERE / name, metadata={"Date": None, "Creator": None})
    pyplot.close(shown)


def plots(results):
    if previews := results["preview"]:

        def draw_previews(axes):
            sizes = [row["resources"] for row in previews]
            for key, label in (("new_s", "new: Check + preview Create"), ("known_s", "known: Check + Diff")):
                axes.plot(sizes, [row[key] for row in previews], "o-", label=label)
            first = previews[0]
            straight = [first["known_s"] * size / first["resources"] for size in sizes]
            axes.plot(sizes, straight, "k:", label="linear")
            axes.set(xlabel="resources in one preview")

        plot("preview.svg", draw_previews)
    if lives := [life for life in results["life"] if life]:

        def draw_lives(axes):
            sizes = [life["images"] for life in lives]
            for number, action in enumerate(ACTIONS):
                for who, style in (("ours", "o-"), ("echo", "x:")):
                    label = action if who == "ours" else None
                    axes.plot(
                        sizes, [life["seconds"][who][action] for life in lives], style, color=f"C{number}", label=label
                    )
            axes.set(xlabel="images (dotted: the engine with the echo)")

        plot("life.svg", draw_lives)


def paragraph(text):
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False) + "\n"


def readme(results):
    """The few figures that say most, between the section's heading and the next."""
    rows = [
        [what, value, official] for what, value, _, official in process_rows(results) if official or "1,000" in what
    ]
    rows += [
        [f"`up`: {row[0]}", f"{row[1]}, {row[3]} DescribeImages", row[4]]
        for row in waited_rows(results)
        if "(ours)" in row[0]
    ]
    rows = [[cell.replace(" (ours)", "") for cell in row] for row in rows]
    shares = ", ".join(f"{name} {ratio:.2f}" for name, ratio, _, _ in ratios(results))
    section = "\n".join(
        [
            "## Measured\n",
            paragraph(
                f"{about(results)} Of the rate of an echo plugin, or of bare digests: {shares}. `make bench` "
                "measures again; [bench/RESULTS.md](bench/RESULTS.md) has everything, and what was left out. The last "
                "column was measured earlier, on a machine of two processors."
            ),
            table(["", "this plugin", "published provider 3.105.0"], rows),
            "",
        ]
    )
    text = README.read_text()
    if "## Measured\n" in text:
        text = re.sub(r"## Measured\n.*?(?=^## )", lambda _: section, text, flags=re.S | re.M)
    else:
        text = text.replace("## Develop it\n", section + "## Develop it\n")
    README.write_text(text)


def write(results):
    (HERE / "RESULTS.md").write_text(markdown(results))
    plots(results)
    readme(results)


if __name__ == "__main__":
    write(json.loads((HERE / "results.json").read_text()))
