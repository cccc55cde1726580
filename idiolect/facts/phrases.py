"""How people speak of themselves in seven languages, as patterns: what a statement is about, and what it says of it.

A row is "kind key pattern", with "-" for no key. A pattern starts where a clause starts; `~` stands for adverbs ("still", "jetzt",
"vraiment") and `%` for the rest of the clause, which fills `{}` in a key. Kind "ended" says that something is over, "forbidden"
that it is not to be told.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_ADVERBS = (
    "really|also|just|currently|now|still|always|truly|absolutely|mostly|usually|recently|do|actually|personally|quite|very much|both|"
    "even|only|have|never|temporarily|strongly|greatly|deeply|strictly|firmly|particularly|generally|adamantly|passionately|"
    "jetzt|nun|noch|auch|sehr|wirklich|gerade|seit|immer|total|überhaupt|eigentlich|besonders|mittlerweile|inzwischen|momentan|derzeit|"
    "maintenant|vraiment|aussi|encore|toujours|beaucoup|bien|actuellement|tellement|surtout|désormais|"
    "ahora|también|siempre|mucho|todavía|aún|realmente|actualmente|más|adesso|ora|anche|sempre|molto|ancora|davvero|tanto|attualmente|"
    "agora|também|muito|ainda|atualmente|mesmo|nu|ook|nog|echt|altijd|heel|erg|tegenwoordig|momenteel|eigenlijk|eu|yo|io|nós"
)
_AM = r"i(?:'?m| am)"
_KIN_EN = (
    "wife|husband|partner|girlfriend|boyfriend|son|daughter|brother|sister|mother|father|mom|mum|dad|child|kid|baby|dog|cat|horse|bird|"
    "parrot|rabbit|hamster|puppy|kitten"
)
_FEELING = (  # what somebody has for, or against, something
    r"i have (?:an? |no )?(?:(?:strong|deep|great|intense|severe|particular|real|huge) )?"
    r"(?:dislike|aversion|distaste|preference|love|passion|fondness|hatred|interest|fear|phobia)"
)
_NAMED = r"(?P<what>[^\W\d_][\w'’-]*(?: (?-i:[A-ZÀ-Þ])[\w'’-]*){0,2})$"
_CALLED = r"(?P<what>(?-i:[A-ZÀ-Þ])[\w'’-]*)(?: instead| please| bitte| from now on)?$"

ROWS = rf"""
fact name my (?:first |full |real )?name(?:'?s| is)~ {_NAMED}
fact name (?:{_AM} called|i go by) {_NAMED}
preference name (?:please )?call me {_CALLED}
ended home:{{}} i~ (?:no longer (?:live|reside)|(?:don'?t|do not) live|stopped living) (?:in|at|near) %
ended home:{{}} i(?:'ve| have)?~ moved (?:away from|out of) %
fact home i~ (?:live|reside|(?:'m|am) (?:living|based)) (?:in|at|near|on|outside|close to|with) %
fact home {_AM}~ (?:living|based) (?:in|at|near|on|outside|with) %
fact home i(?:'ve| have)?~ (?:moved|relocated) (?:back )?(?:from .+ )?to %
fact origin {_AM}~ (?:originally )?from %
fact origin i (?:come from|grew up in|was born in(?! \d)) %
fact birthday (?:my birthday(?:'?s| is)|i was born (?:on|in(?= \d))) %
ended work:{{}} i~ (?:no longer work|(?:don'?t|do not) work) (?:as|for|at|in|with) %
ended work:{{}} i(?:'ve| have)?~ (?:quit|left|lost) my job (?:as|at|with) %
fact work i(?:'ve| have)?~ (?:quit|left|lost) my job$
fact work (?:i~ work(?: part.time| full.time)? (?:as|for|at|in|with|on)|{_AM}~ working (?:as|for|at)) %
fact work (?:my job is|i(?:'ve)?~ (?:started|got) (?:working |a (?:new )?job )(?:as|at|for|with)) %
fact work (?:{_AM}~ (?:retired|unemployed|self.employed|a student)\b|i~ retired\b)
fact studies (?:i~ (?:study|major in)|{_AM}~ (?:studying|majoring in)) %
fact age (?:{_AM}~|i~ turned) \d{{1,3}}(?: years?(?: old)?| yo| y/o)?$
fact age {_AM}~ \d{{1,3}} years? old
ended diet:{{}} {_AM} (?:no longer|not)~ (?:an? )?(?:strict )?(?P<what>vegan|vegetarian|pescatarian|kosher)
fact diet {_AM}~ (?:an? )?(?:strict )?(?:vegan|vegetarian|pescatarian|gluten.free|lactose.intolerant|co?eliac|kosher|diabetic)
preference eats:{{}} i~ (?:don'?t|do not|can'?t|no longer|stopped)~ (?:eat(?:ing)?|drink(?:ing)?) %
fact allergy:{{}} {_AM}~ (?:not |no longer )?allergic to %
fact allergy:{{}} i have an? (?:severe |mild |serious |bad )?(?P<what>[\w -]{{3,40}}?) (?:allergy|intolerance)$
fact diet:{{}} i~ (?:follow|adhere to|keep to|stick to) an? (?:strict )?(?P<what>[\w -]{{3,30}}?) diet\b
preference likes:{{}} i~ (?:like|love|enjoy|adore|prefer|hate|dislike|detest|loathe|despise)~ %
preference likes:{{}} i~ (?:can'?t stand|don'?t|do not|no longer|used to|stopped)~ (?:like|love|enjoy|liking|loving|enjoying|care for)~ %
preference likes:{{}} i~ can(?:'?t|not) (?:stand|bear) %
preference likes:{{}} {_FEELING} (?:for|of|to|towards?|against|in) %
preference likes:{{}} {_AM}~ not interested in %
preference avoids:{{}} i~ (?:avoid|refuse|steer clear of|stay away from) %
preference only:{{}} i (?:only|exclusively|strictly) (?:use|eat|drink|wear|read|listen|watch|buy|play|stay|consume|shop|cook|follow)\b %
preference likes:{{}} {_AM}~ (?:not )?~(?:into|fond of|(?:an? )?(?:big |huge |great )?fan of|crazy about|tired of) %
preference favourite:{{}} my~ favou?rite (?P<what>[\w -]{{3,30}}?) (?:is|are|'s) .
fact has:{{}} i(?:'ve got| have| got| own)~ (?:an?|one|two|three|four|five|no|\d+) (?:[\w-]+ ){{0,2}}(?P<what>{_KIN_EN}|children)(?:e?s)?\b
fact named:{{}} my (?P<what>{_KIN_EN})(?:'s name is| is (?:called|named)) .
fact - my (?:{_KIN_EN}) (?:is an?|works|lives|likes|loves|hates|has an?) .
fact status {_AM}~ (?:not )?(?:married|single|divorced|engaged|widowed)\b|i~ got (?:married|divorced|engaged)\b
fact language my (?:native|first) language is .|my mother tongue is .
fact speaks:{{}} i~ (?:don'?t )?speak~ %
fact pronouns (?:my pronouns are .|i use (?:she/|he/|they/|xe/|ze/))
fact plays:{{}} i~ (?:don'?t |no longer )?play~ (?:the )?%
fact am:{{}} {_AM}~ (?:not )?an? (?!(?:\w+ )?(?:fan|bit|lot|little|mess|fool)\b)(?P<what>[^\W\d_]+(?: [^\W\d_]+){{0,3}})$
fact name (?:ich hei(?:ß|ss)e|mein name ist)~ {_NAMED}
preference name (?:bitte )?nenne? mich~ {_CALLED}
ended home:{{}} ich (?:wohne|lebe)~ nicht mehr (?:in|bei) %
fact home ich (?:wohne|lebe)~ (?:in|bei|auf) %
fact home (?:\w+ ){{1,3}}(?:wohne|lebe) ich~ (?:in|bei) %
fact home ich (?:bin~|ziehe~) (?:von \w+ )?nach (?P<what>.+?)(?: um)?(?:gezogen)?$
fact origin ich komme~ (?:ursprünglich )?aus %
fact origin ich bin~ in (?P<what>.+) (?:geboren|aufgewachsen)
ended work:{{}} ich arbeite~ nicht mehr (?:als|bei|für|in) %
fact work ich arbeite~ (?:als|bei|beim|für|in|im) %|ich bin .+ von beruf
fact studies ich studiere~ %
fact age ich bin~ \d{{1,3}}(?: jahre(?: alt)?)?$
ended diet:{{}} ich bin~ (?:keine?|nicht)~ (?P<what>veganer|vegetarier|vegan)\w*
fact diet ich (?:bin|lebe|esse)~ (?:veganer|vegetarier|vegan|vegetarisch)
preference eats:{{}} ich (?:esse|trinke)~ (?:kein\w*|nicht|nie) %
fact allergy:{{}} ich bin~ (?:nicht )?(?:mehr )?allergisch (?:gegen|auf) %
preference likes:{{}} ich (?:mag|liebe|hasse|verabscheue|bevorzuge|mochte)~ %
preference likes:{{}} (?:mir gef(?:ä|ae)llt~|ich (?:esse|trinke|lese|höre|spiele)~ (?:gerne?|lieber|ungern)) %
preference favourite:{{}} meine? lieblings(?P<what>\w+) (?:ist|sind|heißt) .
fact named:{{}} meine? (?P<what>frau|mann|sohn|tochter|bruder|schwester|mutter|vater|hund|katze) hei(?:ß|ss)t .
fact has:{{}} ich habe~ (?:\w+ ){{1,2}}(?P<what>hunde?|katzen?|kinde?r?|söhne?|töchter|tochter|brüder|bruder|schwestern?)\b
fact language meine muttersprache ist .
fact speaks:{{}} ich spreche~ %
fact name (?:je m'appelle|mon (?:pr[ée]nom|nom) (?:est|c'est))~ {_NAMED}
preference name appelle(?:z)?-moi {_CALLED}
ended home:{{}} (?:je n'habite|je ne vis) plus~ (?:à|en|au|aux|dans) %
fact home (?:j'habite|je vis)~ (?:à|en|au|aux|dans|chez|près de) %
fact home (?:j'ai~ déménagé|je me suis installée?|je viens de déménager)~ (?:à|en|au|aux) %
fact origin (?:je suis (?:née?|originaire)|je viens) (?:à|de|du|d'|en)\s*(?P<what>(?-i:[A-ZÀ-Þ]).+)
ended work:{{}} je ne travaille plus~ (?:comme|chez|pour|à|dans) %
fact work je travaille~ (?:comme|chez|pour|à|dans|en) %
fact studies j'étudie~ %
fact age j'ai~ \d{{1,3}} ans
ended diet:{{}} je ne suis plus~ (?P<what>v[ée]g[ée]tarien|v[ée]gane?|v[ée]g[ée]talien)
fact diet je suis~ (?:v[ée]g[ée]tarien|v[ée]gan|v[ée]g[ée]talien|intolérante? au lactose)
preference eats:{{}} je ne (?:mange|bois)~ (?:pas|plus|jamais) %
fact allergy:{{}} je (?:suis~|ne suis (?:pas|plus)) allergique (?:aux?|à) %
preference likes:{{}} (?:j'aime|j'adore|je n'aime~ (?:pas|plus)|je n'aime|je déteste|je préfère)~ %
preference favourite:{{}} (?:mon|ma) (?P<what>[\w ]{{3,20}}?) préférée? (?:est|c'est) .
fact named:{{}} (?:mon|ma) (?P<what>femme|mari|fils|fille|frère|sœur|mère|père|chien|chat) s'appelle .
fact has:{{}} j'ai~ (?:une?|deux|trois|\d+) (?:\w+ )?(?P<what>chien|chat|enfant|fils|fille|frère|sœur)(?:ne)?s?\b
fact speaks:{{}} je (?:ne )?parle~ %
fact name (?:me llamo|mi nombre es)~ {_NAMED}
preference name ll[áa]mame {_CALLED}
ended home:{{}} (?:yo )?ya no vivo~ en %
fact home (?:yo )?(?:vivo|resido)~ en %|me (?:he mudado|he mudada|mud[ée])~ a (?P<to>.+)
fact origin (?:yo )?(?:soy de|nac[íi] en) (?P<what>(?-i:[A-ZÀ-Þ]).+)
ended work:{{}} ya no trabajo~ (?:como|en|para|de) %
fact work (?:yo )?trabajo~ (?:como|en|para|de) %
fact studies estudio~ %
fact age tengo~ \d{{1,3}} años
ended diet:{{}} ya no soy~ (?P<what>vegetarian|vegan)[oa]
fact diet (?:yo )?soy~ (?:vegetarian|vegan|cel[ií]ac)[oa]
preference eats:{{}} (?:yo )?(?:ya )?no (?:como|bebo)~ %
fact allergy:{{}} (?:ya )?(?:no )?soy~ al[ée]rgic[oa] (?:al?|a las?|a los) %
preference likes:{{}} (?:a mí )?(?:ya )?(?:no )?me (?:gustan?|encantan?)~ %
preference likes:{{}} (?:yo )?(?:odio|detesto|prefiero|adoro|amo)~ %
preference favourite:{{}} mi (?P<what>[\w ]{{3,20}}?) (?:favorit|preferid)[oa] es .
fact named:{{}} mi (?P<what>mujer|marido|esposa|esposo|hijo|hija|hermano|hermana|perro|gato) se llama .
fact has:{{}} tengo~ (?:una?|dos|tres|\d+) (?:\w+ )?(?P<what>perr|gat|hij|herman)[oa]s?\b
fact speaks:{{}} (?:no )?hablo~ %
fact name (?:mi chiamo|il mio nome è)~ {_NAMED}
preference name chiamami {_CALLED}
ended home:{{}} non (?:abito|vivo) più~ (?:a|in|ad) %
fact home (?:abito|vivo)~ (?:ad?|in|nel\w*) %|mi sono~ trasferit[oa]~ (?:ad?|in) (?P<to>.+)
fact origin (?:sono di|vengo da|sono nat[oa] (?:a|in)) (?P<what>(?-i:[A-ZÀ-Þ]).+)
ended work:{{}} non lavoro più~ (?:come|per|in|a|alla) %
fact work lavoro~ (?:come|per|in|ad?|alla|presso) %
fact studies studio~ %
fact age ho~ \d{{1,3}} anni
ended diet:{{}} non sono più~ (?P<what>vegetarian|vegan)[oa]
fact diet sono~ (?:vegetarian|vegan|celiac)[oa]
preference eats:{{}} non (?:mangio|bevo)~ %
fact allergy:{{}} (?:non )?sono~ allergic[oa] (?:ad?|al\w*) %
preference likes:{{}} (?:non )?mi (?:piace|piacciono)~ (?:più )?%
preference likes:{{}} (?:amo|adoro|odio|detesto|preferisco)~ %
preference favourite:{{}} (?:il mio|la mia) (?P<what>[\w ]{{3,20}}?) preferit[oa] è .
fact named:{{}} (?:mio|mia) (?P<what>moglie|marito|figlio|figlia|fratello|sorella|cane|gatto) si chiama .
fact speaks:{{}} parlo~ %
fact name (?:me chamo|chamo-me|(?:o )?meu nome é)~ {_NAMED}
preference name me chame? de {_CALLED}
ended home:{{}} (?:já )?não (?:moro|vivo) mais~ (?:em|no|na) %
fact home (?:eu )?(?:moro|resido|vivo)~ (?:em|no|na) %|(?:eu )?me mudei~ para (?P<to>.+)|mudei(?:-me)?~ para (?P<into>.+)
fact work (?:eu )?trabalho~ (?:como|em|no|na|para) %
fact age (?:eu )?tenho~ \d{{1,3}} anos
ended diet:{{}} (?:já )?não sou mais~ (?P<what>vegetarian|vegan)[oa]
fact diet (?:eu )?sou~ (?:vegetarian|vegan|celíac)[oa]
preference eats:{{}} (?:eu )?não (?:como|bebo)~ %
fact allergy:{{}} (?:não )?sou~ alérgic[oa] (?:a|ao|à) %
preference likes:{{}} (?:eu )?(?:já )?(?:não )?gosto~ (?:mais )?d(?:e|o|a|os|as) %
preference likes:{{}} (?:eu )?(?:odeio|adoro|prefiro)~ %
preference favourite:{{}} (?:meu|minha) (?P<what>[\w ]{{3,20}}?) favorit[oa] é .
fact speaks:{{}} falo~ %
fact name (?:ik heet|mijn naam is)~ {_NAMED}
preference name noem (?:me|mij)~ {_CALLED}
ended home:{{}} ik woon~ niet meer (?:in|bij) %
fact home ik woon~ (?:in|bij|op) %|ik ben~ naar (?P<to>.+) verhuisd
fact origin ik kom~ (?:oorspronkelijk )?uit %
ended work:{{}} ik werk~ niet meer (?:als|bij|voor|in) %
fact work ik werk~ (?:als|bij|voor|in) %
fact age ik ben~ \d{{1,3}}(?: jaar(?: oud)?)?$
ended diet:{{}} ik ben~ geen (?P<what>vegetari|veganist)\w* meer
fact diet ik ben~ (?:vegetari|veganist|vegan)
preference eats:{{}} ik (?:eet|drink)~ (?:geen|niet|nooit) %
fact allergy:{{}} ik ben~ (?:niet )?allergisch voor %
preference likes:{{}} ik (?:houd?~ (?:niet )?(?:meer )?van|haat) %
preference likes:{{}} ik vind (?P<what>.+) (?:lekker|leuk|vies|stom)$
preference favourite:{{}} mijn (?:favoriete |lievelings)(?P<what>\w+) (?:is|zijn) .
fact speaks:{{}} ik spreek~ %
"""

ORDERS = r"""
pinned - (?:please )?(?:always )?(?:remember|keep in mind|don'?t (?:ever )?forget|note) that %
forbidden forbid:{} (?:please )?(?:don'?t|do not|never)~ (?:remember|store|save|keep)~ (?:that |anything about |the fact that )?%
forbidden forbid:{} (?:please )?(?:don'?t|do not|never)~ (?:mention|bring up|talk about)~ (?:that |anything about |the fact that )?%
forbidden forbid:{} (?:please )?forget~ (?:that|about|everything about|all about|what i said about) %
pinned - (?:bitte )?(?:merk dir|denk daran|vergiss nicht),? dass %
forbidden forbid:{} (?:bitte )?(?:merk dir nicht|vergiss~)(?: bitte)?,? (?:dass |alles über |das mit )?%
forbidden forbid:{} (?:bitte )?erwähne?~ (?:nie|niemals|nicht|nichts)(?: mehr)?(?: über| zu| von)? %
pinned - (?:souviens-toi|retiens|n'oublie pas) que %
forbidden forbid:{} (?:oublie~ (?:que|tout sur)|ne (?:retiens|mentionne) (?:pas|plus|jamais)|ne parle (?:pas|plus|jamais) de) %
pinned - (?:recuerda|no olvides) que %
forbidden forbid:{} (?:olvida~ (?:que|todo sobre)|no (?:recuerdes|guardes|menciones)|nunca menciones) %
"""


class Phrase(NamedTuple):
    """What a clause that starts like `pattern` says: its kind, and what it is about."""

    kind: str
    key: str
    pattern: re.Pattern[str]


def _phrase(row: str) -> Phrase:
    kind, key, pattern = row.split(" ", 2)
    told = pattern.replace("~", rf"(?:\s+(?:{_ADVERBS}))*").replace("%", "(?P<what>.+)", 1).replace(" ", r"\s+")
    return Phrase(kind, "" if key == "-" else key, re.compile(told, re.IGNORECASE))


OPENERS = frozenset(  # the first words of the patterns: what starts otherwise need not be tried
    "i im my call please ich mein meine mir nenn nenne bitte je j mon ma appelle appelez yo me mi tengo vivo resido soy nací naci trabajo "
    "estudio no ya odio detesto prefiero adoro amo a llámame llamame hablo abito sono non lavoro studio ho il la mio mia parlo chiamami "
    "preferisco eu o meu minha chamo moro mudei sou trabalho tenho falo não já gosto odeio prefiro ik mijn noem".split()
)
INVERTED = re.compile(r"\b(?:wohne|lebe)\s+ich\b", re.IGNORECASE)
PHRASES = tuple(_phrase(row) for row in ROWS.strip().splitlines())
COMMANDS = tuple(_phrase(row) for row in ORDERS.strip().splitlines())  # "remember that", "never mention": tried first
