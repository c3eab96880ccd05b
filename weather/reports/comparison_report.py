"""The comparison of two models as Markdown."""

from __future__ import annotations

from weather.reports.comparison import NO_OUTCOMES, Agreement, Answers, Judged
from weather.training.card.tables import markdown, scores
from weather.training.words import counted, share, wrapped

COLUMNS = ("brier", "hss", "pod", "far", "bias", "bss_persistence")


def report(answers: Answers, agreed: Agreement, judged: Judged | None) -> str:
    """The verdict, then what it rests on."""
    verdict = judged.verdict.sentence if judged else NO_OUTCOMES
    left_out = f" Left out: {'; '.join(answers.left_out)}." if answers.left_out else ""
    blocks = [
        "# Challenger",
        f"**{verdict[0].upper()}{verdict[1:]}.**",
        f"- served: {answers.served}\n- challenger: {answers.challenger}",
        f"Both answered {counted(agreed.rows, 'hour')}, with the same prediction in "
        f"{share(agreed.same_prediction)}.{_differences(agreed)}{left_out}",
    ]
    if judged:
        blocks += _judged(judged)
    return wrapped("\n\n".join(blocks))


def _differences(agreed: Agreement) -> str:
    if agreed.mean_difference is None or agreed.largest_difference is None:
        return ""
    return (
        f" Their probabilities differ by {agreed.mean_difference:.4f} on average and by "
        f"{agreed.largest_difference:.4f} at most."
    )


def _judged(judged: Judged) -> list[str]:
    ambiguous = f"; {judged.ambiguous:,} outcomes that contradict each other left out" * bool(
        judged.ambiguous
    )
    blocks = [
        f"## {counted(len(judged.served.y), 'hour')} with an outcome",
        f"{counted(judged.days, 'day')}, rain followed {share(float(judged.served.y.mean()))} of the "
        f"hours{ambiguous}. In brackets 95 % intervals: whole days are drawn with replacement. Persistence "
        "is estimated from these very hours.",
        scores({"served": judged.served, "challenger": judged.challenger}, COLUMNS),
        "Gains of the challenger on the same days, positive where it is better:",
        markdown(
            ["score", "gain"],
            [
                [name, str(gain) if gain.defined else "–"]
                for name, gain in (("Brier", judged.brier_gain), ("HSS", judged.hss_gain))
            ],
        ),
    ]
    if any(judged.reliability.values()):
        blocks += ["## Reliability", *(_reliability(name, judged) for name in judged.reliability)]
    return blocks


def _reliability(name: str, judged: Judged) -> str:
    rows = ([f"{p:.3f}", f"{o:.3f}", f"{n:,}"] for p, o, n in judged.reliability[name])
    return markdown([f"{name}: forecast", "rain came", "hours"], rows)
