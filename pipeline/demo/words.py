"""What customers write, by mood and language. English is plain enough for a sentiment lexicon to read."""

from random import Random

MOODS = ("happy", "neutral", "angry")
_THINGS = {
    "en": {"checkout": "checkout", "delivery": "delivery", "app": "app", "billing": "billing"},
    "de": {"checkout": "Bezahlung", "delivery": "Lieferung", "app": "App", "billing": "Abrechnung"},
    "es": {"checkout": "pago", "delivery": "entrega", "app": "app", "billing": "factura"},
    "fr": {"checkout": "paiement", "delivery": "livraison", "app": "application", "billing": "facturation"},
}
_LINES: dict[str, dict[str, tuple[str, ...]]] = {
    "en": {
        "happy": (
            "Love the new {thing}, so easy and fast",
            "Great {thing} today, thank you all",
            "Really happy with the {thing}, excellent work",
            "The {thing} was perfect and the team is wonderful",
            "Thanks for fixing my {thing} so quickly, impressive and friendly",
            "Best {thing} I have had this year, well done",
        ),
        "neutral": (
            "Is there a page about the {thing} somewhere",
            "Using the {thing} on my phone this morning",
            "When does the {thing} close on Sundays",
            "Switched to the other {thing} option this week",
            "My colleague told me about the {thing}",
            "Just read the notes on the {thing}",
        ),
        "angry": (
            "The {thing} is broken again, this is terrible",
            "Worst {thing} ever, I am so angry and disappointed",
            "Still no answer about my failed {thing}, awful and unacceptable",
            "Your {thing} is down and support is useless, I hate this",
            "Paid twice because of the {thing} error, horrible, I want a refund",
            "The {thing} fails every time, a complete disaster",
        ),
    },
    "de": {
        "happy": ("Tolle {thing}, vielen Dank", "Die {thing} war wirklich super"),
        "neutral": ("Gibt es eine Seite zur {thing}", "Heute die {thing} benutzt"),
        "angry": ("Die {thing} geht schon wieder nicht, furchtbar", "Schlechteste {thing} aller Zeiten, unmöglich"),
    },
    "es": {
        "happy": ("Me encanta, {thing} perfecta", "Muy contento con la {thing}, gracias"),
        "neutral": ("Hay una página sobre {thing}", "Hoy he usado la {thing}"),
        "angry": ("Otra vez falla, {thing} horrible", "La peor {thing} que he visto, inaceptable"),
    },
    "fr": {
        "happy": ("Super {thing}, merci beaucoup", "Très content, {thing} parfaite"),
        "neutral": ("Y a-t-il une page sur {thing}", "Question sur {thing} ce matin"),
        "angry": ("Encore en panne, {thing} affreuse", "La pire {thing}, c'est inacceptable"),
    },
}
_TAILS = ("", ".", "!", " today", " right now", " :)", " #{thing}", " @shop")
_LEXICON = {
    (language, mood, service): [
        (line + tail).format(thing=thing)
        for line in lines
        for tail in _TAILS
        if not (tail == " :)" and mood != "happy")
    ]
    for language, moods in _LINES.items()
    for mood, lines in moods.items()
    for service, thing in _THINGS[language].items()
}
_CENTRE = {"happy": 0.65, "neutral": 0.05, "angry": -0.65}


def write(rng: Random, language: str, mood: str, service: str) -> str:
    """Return a line. It needs no escaping in JSON."""
    lines = _LEXICON[language, mood, service]
    return lines[int(rng.random() * len(lines))]


def measured(rng: Random, mood: str) -> float:
    """Return the sentiment that another tool would have measured, -1 to 1, in steps of 0.01."""
    return max(-1.0, min(1.0, round(_CENTRE[mood] + 0.5 * (rng.random() - 0.5), 2)))
