"""How people say how they want to be answered, in seven languages: what makes a sentence a lasting wish, and its topic."""

from __future__ import annotations

import re


def _any(text: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(text.split('|'))})", re.IGNORECASE)


_LASTING = (
    r"always\b|never\b|from now on|in (?:the )?future|every time|whenever you|going forward|immer\b|nie\b|niemals|ab (?:jetzt|sofort)|"
    r"künftig|in zukunft|von nun an|toujours|jamais|désormais|dorénavant|à l'avenir|à partir de maintenant|siempre|nunca|"
    r"(?:a partir|de) (?:de )?ahora|en (?:el )?futuro|en adelante|sempre\b|mai\b|d'ora in poi|in futuro|d'ora in avanti|"
    r"a partir de agora|de agora em diante|no futuro|altijd|nooit|vanaf nu|voortaan|in de toekomst"
)
_REFUSING = (
    r"don'?t|do not|stop\b|no more|avoid|without\b|bitte (?:keine?\b|nicht)|keine?\b|hör auf|ohne\b|vermeide|arrête[rz]?|évite[rz]?|"
    r"n'utilise|pas de|sans\b|ne (?:me|m'|sois|mets|fais)|no (?:uses|me|pongas|escribas|hables)|deja de|evita|sin\b|non (?:usare|mi|"
    r"scrivere)|"
    r"smetti|senza|evite|não (?:use|me|escreva|fale)|pare de|sem\b|geen\b|gebruik geen|zonder\b|niet zo"
)
_ASKING = (
    r"answer|reply|respond|keep (?:it|your|the|all|answers|replies|things)|use\b|be (?:more|less|brief|short|concise|direct|formal|polite)|"
    r"antworte\b|antworten sie|verwende|benutze|nutze|schreib|halte|fasse? dich|fass dich|réponds|répondez|utilise[rz]?\b|sois\b|soyez|"
    r"écris|"
    r"tutoie|vouvoie|responde|contesta|usa\b|utiliza|escribe|sé (?:más|breve)|tutéame|rispondi|scrivi|sii\b|dammi del|usa\b|responda|"
    r"responde|use\b|escreva|seja\b|antwoord|gebruik|schrijf|houd?\b|wees\b|duze mich|sieze mich|duzen sie"
)
_WANTING = (
    r"please|i(?:'d| would)? (?:really )?(?:prefer|rather|like (?:you|it)|love (?:you|it)|want you)|i want (?:you|your)|make (?:sure|your)|"
    r"you (?:should|can|need)|when you (?:answer|write|reply)|bitte|ich (?:bevorzuge|möchte|will|hätte gern\w*|wünsche)|s'il (?:te|"
    r"vous) pla[iî]t|"
    r"merci de|je (?:préfère|veux|voudrais|souhaite)|por favor|prefiero|quiero que|me gustaría que|per favore|preferisco|vorrei|voglio|"
    r"prefiro|quero que|gostaria que|alsjeblieft|graag|ik (?:wil|heb liever|verkies)"
)
START = re.compile(rf"(?:{_LASTING}|{_REFUSING}|{_ASKING}|{_WANTING})", re.IGNORECASE)
DIRECT = re.compile(rf"(?:{_REFUSING}|{_ASKING})", re.IGNORECASE)  # an order as it stands
LASTING = _any(_LASTING)
ANSWERS = _any(  # what is wished for is how to be answered
    "answer|repl(?:y|ies)|respon|explan|messages?|summar|antwort|erklär|nachricht|zusammenfass|répon|explic|résum|respuest|mensaje|resum|"
    "rispos|spiegaz|messagg|riassunt|respost|mensage|antwoord|uitleg|bericht|samenvatt"
)
ONE_OFF = _any("an?|ein|eine|einen|einem|une|un|una|um|uma|een|this|that|diese[nmrs]?|ce|cette|este|esta|questo|questa|dit|deze")

TOPICS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (topic, _any(stems))
    for topic, stems in (
        ("emoji", "emoji|emoticon|smiley|émoji|émoticône"),
        ("units", "metric|imperial|celsius|fahrenheit|kilomet|miles\\b|metrisch|einheiten|métrique|unités|unidades|métric|unità|eenheden"),
        ("format", "bullet|markdown|lists?\\b|tables?\\b|headings?|stichpunkt|listen?\\b|tabellen?|puces|listes?\\b|tableaux?|viñetas|"
         "listas?\\b|"
         "tablas?|elenc|tabell|tabelas?|marcadores|opsomming|lijst"),
        ("length", "short|brief|concise|long|lengthy|detail|sentences?\\b|words?\\b|kurz|kürzer|knapp|ausführlich|lang\\b|länger|sätze|"
         "court|"
         "bref|brève|concis|cort[oa]s?|brev[ei]|concis|largas?|largos?|detall|lung|dettagl|curt[oa]s?|conciso|longas?|kort|beknopt|"
         "uitgebreid|zinnen"),
        ("tone", "formal|informal|polite|casual|friendly|direct\\b|honest|sarcas|slang|jargon|förmlich|höflich|formell|locker|duze|"
         "sieze|duzen|"
         "siezen|formel|poli|familier|tutoie|vouvoie|amical|educad|cercan|tutéame|usted|cortes|amichevol|lei\\b|tu\\b|informeel|beleefd"),
        ("sources", "sources?\\b|cite|citation|links?\\b|references?|quellen?|fuentes?|fonti\\b|fontes?|bronnen?"),
        ("examples", "examples?|beispiel|exemple|ejemplo|esempi|exemplo|voorbeeld"),
        ("language", "english|german|french|spanish|italian|portuguese|dutch|deutsch|englisch|französisch|spanisch|italienisch|anglais|"
         "allemand|"
         "français|espagnol|italien|español|inglés|alemán|francés|italiano|inglese|tedesco|francese|spagnolo|português|inglês|nederlands|"
         "engels|duits|language|sprache|langue|idioma|lingua"),
        ("apologies", "apolog|sorry\\b|entschuldig|excuse|disculp|scus|desculp|excuses"),
    )
)  # fmt: skip


def topic(text: str) -> str:
    """What about an answer the text speaks of: "length", "language"; "" for none of TOPICS."""
    return next((name for name, stems in TOPICS if stems.search(text)), "")


def is_wish(text: str) -> bool:
    """Whether a sentence asks for a way of answering that is to last, and not for this one answer."""
    start = START.match(text)
    if not start or text[start.end() :].startswith("-") or not topic(text):
        return False
    if LASTING.search(text):
        return True
    return bool(ANSWERS.search(text) or DIRECT.match(text)) and not re.search(rf"{ONE_OFF.pattern}\b", text, re.IGNORECASE)
