"""vCards as programs in use write them: 3.0 and 4.0, and 3.0 that still speaks 2.1. RFC 2426, 6350, 6474, 6715."""

from collections.abc import Iterator

from tests.samples.texts import TEXTS
from tests.samples.writing import WRITINGS, Sample

PHOTO = "/9j/4AAQSkZJRgABAQAAAQABAAD" * 150


def _card(version: str, body: str) -> str:
    return f"BEGIN:VCARD\nVERSION:{version}\nUID:{{uid}}\n{body}END:VCARD"


APPLE = _card(
    "3.0",
    "PRODID:-//Apple Inc.//iOS 17.1//EN\nN:{text};Jane;Q.;Dr.;MSc\nFN:Jane {n}\nORG:{text};Dept\\, one\n"
    "EMAIL;type=INTERNET;type=HOME;type=pref:jane{n}@x.example\nitem1.EMAIL;type=INTERNET:other{n}@x.example\n"
    "item1.X-ABLabel:_$!<Other>!$_\nitem2.ADR;type=HOME;type=pref:;;Main Street 1\\nTop 2;Wien;;1010;Österreich\n"
    "item2.X-ABADR:at\nitem3.URL;type=pref:https\\://example.com\nitem3.X-ABLabel:_$!<HomePage>!$_\n"
    "item4.X-ABRELATEDNAMES;type=pref:{text}\nitem4.X-ABLabel:_$!<Sister>!$_\nitem5.X-ABDATE;type=pref:2020-05-05\n"
    "item5.X-ABLabel:_$!<Anniversary>!$_\nBDAY;X-APPLE-OMIT-YEAR=1604:1604-02-29\nX-ABUID:{n}\\:ABPerson\n"
    "X-IMAGETYPE:PHOTO\nIMPP;X-SERVICE-TYPE=Skype;type=WORK:skype:jane\nNOTE:{text}\n",
)
APPLE_GROUP = _card(
    "3.0",
    "N:{text}\nFN:Group {n}\nX-ADDRESSBOOKSERVER-KIND:group\nX-ADDRESSBOOKSERVER-MEMBER:urn:uuid:1\n"
    "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:2\nREV:2026-03-01T10:00:00Z\n",
)
GROUP = _card(
    "4.0", "KIND:group\nFN:{text}{n}\nMEMBER:urn:uuid:03a0e51f-d1aa-4385-8a53-e29025acd8af\nMEMBER:mailto:a@x.example\n"
)
GOOGLE = _card(
    "3.0",
    "FN:{n} {text}\nN:{text};;;;\nEMAIL;TYPE=INTERNET;TYPE=HOME:g{n}@x.example\nTEL;TYPE=CELL:+43 660 123 45 {n}\n"
    "item1.TEL:+43 1 000\nitem1.X-ABLabel:\nCATEGORIES:myContacts,{text}\nX-PHONETIC-FIRST-NAME:{text}\n",
)
DAVX5 = _card(
    "4.0",
    "PRODID:DAVx5/4.3 ez-vcard/0.12\nFN:{n} {text}\nN:{text};{n};;;\nNICKNAME:{text}\nTEL;TYPE=cell;PREF=1:+43660{n}\n"
    "EMAIL;TYPE=home:d{n}@x.example\nGENDER:F;{text}\nBDAY:--0229\nANNIVERSARY:20200505\nRELATED;TYPE=friend;VALUE=text:{text}\n"
    "PHOTO:data:image/jpeg;base64,"
    + PHOTO
    + "\nX-ANDROID-CUSTOM:vnd.android.cursor.item/nickname;x;;;\nREV:20260301T100000Z\n",
)
PHOTO_3 = _card("3.0", "FN:{n} {text}\nN:{text};;;;\nPHOTO;ENCODING=b;TYPE=JPEG:" + PHOTO + "\nSOUND;ENCODING=B:AAAA\n")
RFC_6350 = _card(
    "4.0",
    "SOURCE:ldap://ldap.example.com/cn=Babs%20Jensen\\,%20o=Babsco\\,%20c=US\nKIND:individual\n"
    "XML:<x xmlns='y'>{text}</x>\n"
    "FN;ALTID=1;LANGUAGE=de:{n} {text}\nFN;ALTID=1;LANGUAGE=en:{n}\n"
    'N;SORT-AS="Harten,Rene":van der Harten;Rene,J.;Sir;R.D.O.N.\n'
    'ADR;GEO="geo:12.3457,78.910";LABEL="Mr. John Q. Public, Esq.\\nMail Drop: TNE QB\\n{n}":'
    ";;123 Main Street;Any Town;CA;91921\n"
    'TEL;VALUE=uri;PREF=1;TYPE="voice,home":tel:+1-555-555-5555;ext={n}\nIMPP;PREF=1:xmpp:alice@example.com\n'
    "LANG;TYPE=work;PREF=1:en\nTZ:Raleigh/North America\nGEO:geo:37.386013,-122.082932\nTITLE;PID=1.1,2.1:{text}\n"
    "CLIENTPIDMAP:1;urn:uuid:53e374d9-337e-4727-8803-a1e9c14e0556\nKEY;MEDIATYPE=application/pgp-keys:https://x.example/k\n"
    "FBURL;PREF=1:http://x.example/busy\nCALADRURI:mailto:a@x.example\nX-qq:21588891\nEXPERTISE;LEVEL=expert;INDEX=1:{text}\n"
    "DEATHPLACE;VALUE=uri:geo:1,2\nORG-DIRECTORY;INDEX=1:http://x.example\n",
)
CARETS = _card(
    "4.0",
    'FN:{n}\nADR;LABEL="a^nb^^c^\'d":;;x;;;;\nNOTE;X-A="semi;colon:comma,";X-B=a,b,"c;d";X-C=:{text}\nX-NOTHING:\n',
)
OLD_TONGUE = _card(
    "3.0",
    "FN:{n} {text}\nN:{text};;;;\nTEL;HOME;VOICE:+1 2\nTEL;type=pref,CELL:+3 4\nLABEL;WORK:{text}\n"
    "ADR;WORK:;;x\nAGENT:\n",
)
OUTLOOK = _card(
    "3.0",
    "X-MS-OL-DEFAULT-POSTAL-ADDRESS:2\nFN:{n} {text}\nN:{text};;;;\nX-MS-CARDPICTURE:x\nX-MS-TEL;VOICE;ASSISTANT:+1\n"
    "EMAIL;PREF;INTERNET:o{n}@x.example\nX-MS-IMADDRESS:x\nREV:20260301T100000Z\n",
)
BARE = _card("3.0", "FN:{n}\n")
EMPTY_NAMES = _card("3.0", "FN:\nN:;;;;\nORG:{text}\nEMAIL:e{n}@x.example\n")
MANY = _card(
    "4.0", "FN:{n}\n" + "".join(f"EMAIL;TYPE=work;PREF={p}:m{p}@x.example\n" for p in range(1, 100)) + "NOTE:{text}\n"
)

SHAPES = {
    "apple": APPLE,
    "apple group": APPLE_GROUP,
    "group": GROUP,
    "google": GOOGLE,
    "davx5 with a photo": DAVX5,
    "photo in 3.0": PHOTO_3,
    "rfc 6350": RFC_6350,
    "carets and quotes": CARETS,
    "bare types of 2.1": OLD_TONGUE,
    "outlook": OUTLOOK,
    "bare": BARE,
    "empty names": EMPTY_NAMES,
    "many addresses": MANY,
}
UIDS = ("{n}", "urn:uuid:{n:08x}-0000-4000-8000-000000000000", "{n:08X}-ABCD:ABPerson", "a/b?c#{n}%20 d", "ünï-{n}")


def cards(count: int) -> Iterator[Sample]:
    names = list(SHAPES)
    for n in range(count):
        name = names[n % len(names)]
        turn = n // len(names)
        text = TEXTS[(n + turn) % len(TEXTS)]
        writing = WRITINGS[(n + 2 * turn) % len(WRITINGS)]
        uid = UIDS[(n + turn) % len(UIDS)].format(n=n)
        lines = SHAPES[name].format(uid=uid, text=text, n=n).split("\n")
        yield Sample(f"{n}: {name}, {text[:20]!r}, {writing.__name__}", uid, writing(lines))
