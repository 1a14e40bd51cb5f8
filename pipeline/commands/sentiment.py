"""``makegood sentiment``: learn from surveys, and see what was learned."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.commands import shell
from pipeline.commands.replay import feed_paths

if TYPE_CHECKING:
    from config.settings import Settings
    from detectors.models.text.version import Header, Language
    from pipeline.sentiment_judging import Judgement
    from pipeline.sentiment_scoring import VersionedSentiment

_CONFIG = "--config makegood.yaml"
Feeds = Annotated[
    list[str] | None,
    typer.Option(
        "--feed", metavar="NAME=PATH", help="Read this feed from a file or folder. Can be given several times."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Learn sentiment from surveys; see, judge and try what was learned.")
    app.add_typer(group, name="sentiment")
    _register_recordings(group)
    _register_looks(group)


def _register_recordings(group: typer.Typer) -> None:
    @shell.command(group, "learn", example=f"makegood sentiment learn {_CONFIG} --feed surveys=surveys.csv")
    def learn(
        config: shell.Config,
        *,
        feed: Feeds = None,
        not_before: Annotated[
            str | None,
            typer.Option(metavar="TIME", help="New versions come into force no earlier: ISO 8601 with an offset."),
        ] = None,
        as_json: shell.Json = False,
    ) -> None:
        """Learn from the surveys of a recording, and publish versions into the folder that the settings name.

        A comment with a score on a scale (nps, csat, ces, stars) is a labelled text. The next run goes on where this
        one ends: give it what came since. Beside a flow that runs, give --not-before a time that has not come yet, or
        events that were scored already would have another score in a replay.
        """
        settings = _recording(config, feed)
        from detectors.contract import NEVER_US
        from pipeline.sentiment_learning import learn as run

        done = run(settings, not_before_us=NEVER_US if not_before is None else _time_us(not_before, "--not-before"))
        if as_json:
            shell.out_json(done)
            return
        shell.out(f"{done.events} events, {done.labels} labels learned, {done.published} new versions")
        if done.late:
            shell.out(f"{done.late} labels left out: their time had been learned already")
        _tell_last(done.last)

    @shell.command(
        group, "evaluate", example=f"makegood sentiment evaluate {_CONFIG} --feed surveys=surveys.csv --json"
    )
    def evaluate(config: shell.Config, *, feed: Feeds = None, as_json: shell.Json = False) -> None:
        """Score the comments of a recording as the flow would, by the versions there are, and compare with the answers.

        Nothing is learned. Every text is scored by the version in force at its time, which had not learned it. Exit
        status 1 when, in a language, the flow's scores are worse than VADER's.
        """
        settings = _recording(config, feed)
        from pipeline.sentiment_judging import judge

        found = judge(settings)
        if as_json:
            shell.out_json(found)
        else:
            for one in found:
                shell.out(_judged(one))
            if not found:
                shell.out("there are no comments with a score in this recording")
        if any(one.f1 is not None and one.vader_f1 is not None and one.f1 < one.vader_f1 for one in found):
            raise typer.Exit(shell.FOUND_WRONG)


def _register_looks(group: typer.Typer) -> None:
    @shell.command(group, "show", example=f"makegood sentiment show {_CONFIG}")
    def show(config: shell.Config, *, as_json: shell.Json = False) -> None:
        """List the versions: from when they are in force, what they learned, and how good they were."""
        settings = shell.load(config)
        headers = _headers(settings)
        if as_json:
            shell.out_json([_plain(header, digest) for header, digest in headers])
            return
        if not headers:
            shell.out("there are no versions yet; `makegood sentiment learn` makes them")
        for header, digest in headers:
            shell.out(f"{header.number}  from {_told(header.in_force_us)}  {header.labels} labels  {digest[:12]}")
            for language in header.languages:
                shell.out(f"     {_skill(language)}")

    @shell.command(
        group,
        "score",
        example=f'makegood sentiment score {_CONFIG} "still no crew, third rebooking" --at 2026-03-02T10:00:00Z',
    )
    def score(
        text: Annotated[str, typer.Argument(help="What a customer wrote.")],
        config: shell.Config,
        *,
        language: Annotated[str, typer.Option(help="As events name it; default: the one that is assumed.")] = "",
        at: Annotated[
            str | None, typer.Option(metavar="TIME", help="By the version in force then; default: by the last one.")
        ] = None,
        as_json: shell.Json = False,
    ) -> None:
        """Score one text, and tell who scored it and which words weigh most."""
        settings = shell.load(config)
        sentiment = _versioned(settings)
        last_us = sentiment.entries[-1].in_force_us if sentiment.entries else 0
        told = _explained(sentiment, text, language, last_us if at is None else _time_us(at, "--at"))
        if as_json:
            shell.out_json(told)
            return
        shell.out(f"score {_number(told['score'])} by {told['by']}; VADER {_number(told['vader'])}")
        if told["probabilities"] is not None:
            chances = ", ".join(f"{name} {share:.2f}" for name, share in told["probabilities"].items())
            shell.out(f"version {told['version']}: {chances}")
            for name, weight in told["words"].items():
                shell.out(f"  {weight:+.3f} {name}")


def _recording(config: Path, feed: list[str] | None) -> "Settings":
    paths = feed_paths(feed or [])
    loaded = shell.load(config)
    from pipeline.replay import with_feed_paths

    return with_feed_paths(loaded, paths)


def _time_us(text: str, option: str) -> int:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        msg = f"{option} {text}: expected a time with its offset, like 2026-03-02T10:00:00+01:00"
        raise shell.UserError(msg)
    return int(time.timestamp() * 1_000_000)


def _versioned(settings: "Settings") -> "VersionedSentiment":
    from pipeline.sentiment_learning import learn_settings
    from pipeline.sentiment_scoring import VersionedSentiment
    from pipeline.sentiment_versions import FolderBlobs, VersionStore

    folder = learn_settings(settings.sentiment).versions
    return VersionedSentiment(settings.sentiment, VersionStore(FolderBlobs(folder), str(folder)))


def _headers(settings: "Settings") -> "list[tuple[Header, str]]":
    from pipeline.sentiment_learning import learn_settings
    from pipeline.sentiment_versions import FolderBlobs, VersionStore

    folder = learn_settings(settings.sentiment).versions
    store = VersionStore(FolderBlobs(folder), str(folder))
    versions = map(store.load, store.entries())
    return [(version.header, version.digest) for version in versions]


def _explained(sentiment: "VersionedSentiment", text: str, language: str, at_us: int) -> dict[str, Any]:
    from detectors.models.text.linear import CLASSES

    named = sentiment.prior.language(language)
    prior = sentiment.prior.prior(text, named)
    version, told = sentiment.told_at(text, language, at_us)
    share = 0.0 if version is None or told is None else version.share(named) if prior is not None else 1.0
    score = sentiment.at(text, language, at_us)
    return {
        "score": score,
        "by": "nobody: the language is not read" if score is None else _who(share),
        "vader": None if prior is None else prior.compound,
        "version": None if version is None else version.header.number,
        "probabilities": None if told is None else dict(zip(CLASSES, told.chances, strict=True)),
        "words": {} if version is None else dict(version.reasons(text)),
    }


def _who(share: float) -> str:
    if share in {0.0, 1.0}:
        return "the model" if share else "VADER"
    return f"VADER, and {share:.0%} by the model"


def _tell_last(header: "Header | None") -> None:
    if header is None:
        shell.out("there is no version yet: none is due before the first full period is over")
        return
    shell.out(f"version {header.number}, in force from {_told(header.in_force_us)}, {header.labels} labels")
    for language in header.languages:
        shell.out(f"  {_skill(language)}")


def _skill(language: "Language") -> str:
    figures = language.figures
    told = "the model is not used" if language.share == 0.0 else f"{language.share:.0%} by the model"
    return (
        f"{language.name}: {told}; of the last {figures.count} labels macro-F1 {figures.model_f1:.3f}, "
        f"without it {figures.prior_f1:.3f}"
    )


def _judged(one: "Judgement") -> str:
    labels = ", ".join(f"{count} {name}" for name, count in one.labels.items())
    told = f"{one.language}: {labels}; {one.by_model} scored by the model, {one.unscored} by nobody"
    if one.f1 is None:
        return told
    vader = "" if one.vader_f1 is None else f"; VADER {one.vader_f1:.3f}"
    return f"{told}; macro-F1 {one.f1:.3f}{vader}"


def _plain(header: "Header", digest: str) -> dict[str, Any]:
    return {
        "number": header.number,
        "in_force": _told(header.in_force_us),
        "learned_to": _told(header.learned_to_us),
        "labels": header.labels,
        "digest": digest,
        "languages": {
            language.name: {
                "share": language.share,
                "labels": language.figures.count,
                "f1": language.figures.model_f1,
                "f1_before": language.figures.prior_f1,
                "kappa": language.figures.model_kappa,
                "kappa_before": language.figures.prior_kappa,
                "right": language.figures.model_right,
                "right_before": language.figures.prior_right,
                "mean": language.figures.model_mean,
                "mean_before": language.figures.prior_mean,
            }
            for language in header.languages
        },
    }


def _told(time_us: int) -> str:
    return datetime.fromtimestamp(time_us // 1_000_000, UTC).isoformat().replace("+00:00", "Z")


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:+.3f}"
