"""Cards as programs write them; each line is ended with CRLF."""


def crlf(text: str) -> bytes:
    return text.strip("\n").replace("\n", "\r\n").encode() + b"\r\n"


RFC_6350 = crlf("""
BEGIN:VCARD
VERSION:4.0
FN:Simon Perreault
N:Perreault;Simon;;;ing. jr,M.Sc.
BDAY:--0203
ANNIVERSARY:20090808T1430-0500
GENDER:M
LANG;PREF=1:fr
LANG;PREF=2:en
ORG;TYPE=work:Viagenie
ADR;TYPE=work:;Suite D2-630;2875 Laurier;
 Quebec;QC;G1V 2M2;Canada
TEL;VALUE=uri;TYPE="work,voice";PREF=1:tel:+1-418-656-9254;ext=102
TEL;VALUE=uri;TYPE="work,cell,voice,video,text":tel:+1-418-262-6501
EMAIL;TYPE=work:simon.perreault@viagenie.ca
GEO;TYPE=work:geo:46.772673,-71.282945
KEY;TYPE=work;VALUE=uri:
 http://www.viagenie.ca/simon.perreault/simon.asc
TZ:-0500
URL;TYPE=home:http://nomis80.org
UID:urn:uuid:6e5e0a90-0a4c-4d6c-a0b2-5c1a7c2b7d7e
END:VCARD
""")  # §9, with a UID

RFC_2426 = crlf("""
BEGIN:vCard
VERSION:3.0
FN:Frank Dawson
ORG:Lotus Development Corporation
ADR;TYPE=WORK,POSTAL,PARCEL:;;6544 Battleford Drive
 ;Raleigh;NC;27613-3502;U.S.A.
TEL;TYPE=VOICE,MSG,WORK:+1-919-676-9515
TEL;TYPE=FAX,WORK:+1-919-676-9564
EMAIL;TYPE=INTERNET,PREF:Frank_Dawson@Lotus.com
EMAIL;TYPE=INTERNET:fdawson@earthlink.net
URL:http://home.earthlink.net/~fdawson
UID:frank
END:vCard
""")  # §7, with a UID

IOS = crlf("""
BEGIN:VCARD
VERSION:3.0
PRODID:-//Apple Inc.//iOS 17.1//EN
N:Doe;Jane;Q.;Dr.;
FN:Dr. Jane Q. Doe
ORG:Example\\, Inc.;Sales
item1.EMAIL;type=INTERNET;type=pref:jane@example.com
item1.X-ABLabel:_$!<Other>!$_
EMAIL;type=INTERNET;type=HOME:jd@home.example
TEL;type=CELL;type=VOICE;type=pref:+1 (555) 010-0100
item2.ADR;type=HOME;type=pref:;;1 Infinite Loop\\nBuilding 2;Cupertino;CA;95014;USA
item2.X-ABADR:us
item3.X-ABDATE;type=pref:2010-06-05
item3.X-ABLabel:_$!<Anniversary>!$_
BDAY;X-APPLE-OMIT-YEAR=1604:1604-04-12
NOTE:first line\\nsecond\\, with comma
X-SOCIALPROFILE;type=twitter;x-user=jane:http://twitter.com/jane
PHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQSkZJRgABAQAASABIAAD/4QBMRXhpZgAATU0AKgAAAA
 gAAYdpAAQAAAABAAAAGgAAAAA=
UID:6F1A0E64-7C11-4D37-9E5D-8C2C1E3D9F10
REV:2023-11-02T10:11:12Z
END:VCARD
""")

APPLE_GROUP = crlf("""
BEGIN:VCARD
VERSION:3.0
N:Friends
FN:Friends
X-ADDRESSBOOKSERVER-KIND:group
X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:6F1A0E64-7C11-4D37-9E5D-8C2C1E3D9F10
X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:11111111-7C11-4D37-9E5D-8C2C1E3D9F10
UID:friends
END:VCARD
""")

GROUP_4 = crlf("""
BEGIN:VCARD
VERSION:4.0
KIND:group
FN:The Doe family
MEMBER:urn:uuid:03a0e51f-d1aa-4385-8a53-e29025acd8af
MEMBER:mailto:subscriber1@example.com
UID:does
END:VCARD
""")

GOOGLE = crlf("""
BEGIN:VCARD
VERSION:3.0
FN:Łukasz Żółć
N:Żółć;Łukasz;;;
NICKNAME:Luki
EMAIL;TYPE=INTERNET:lukasz@example.pl
TEL;TYPE=CELL:+48 600 000 000
item1.URL:https\\://example.pl/a;b,c
item1.X-ABLabel:PROFILE
BDAY:19850230
CATEGORIES:myContacts,starred
UID:google-1
END:VCARD
""")

OUTLOOK_21 = (
    b"BEGIN:VCARD\r\nVERSION:2.1\r\nN;LANGUAGE=de;CHARSET=Windows-1252:M\xfcller;J\xf6rg\r\n"
    b"FN;CHARSET=Windows-1252:J\xf6rg M\xfcller\r\nORG:Firma, die baut;Abteilung\r\n"
    b"TEL;WORK;VOICE:+49 30 1234\r\n"
    b"ADR;WORK;PREF;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:;;Stra=C3=9Fe 1=0D=0A2. Stock;Berlin;;10115;=\r\n"
    b"Deutschland\r\n"
    b"PHOTO;TYPE=JPEG;ENCODING=BASE64:\r\n /9j/4AAQSkZJRgABAQAASABIAAD/4QBMRXhp\r\n ZgAATU0AKgAAAAg=\r\n\r\n"
    b"EMAIL;PREF;INTERNET:joerg@example.de\r\nREV:20240101T000000Z\r\nEND:VCARD\r\n"
)

NEXTCLOUD = crlf("""
BEGIN:VCARD
VERSION:4.0
PRODID:-//Sabre//Sabre VObject 4.5.4//EN
UID:b5c4f1d0-1
FN:Zoë Ångström
N:Ångström;Zoë;;;
EMAIL;TYPE=HOME:zoe@example.se
TEL;TYPE="HOME,VOICE":+46 8 1234
PHOTO:data:image/png;base64,iVBORw0KGgo=
BDAY;VALUE=DATE:20000229
X-MANAGERSNAME;X-NC-SCOPE=v2-local:B^'ss^n^^
END:VCARD
""")

ACCEPTED = [RFC_6350, RFC_2426, IOS, APPLE_GROUP, GROUP_4, GOOGLE, NEXTCLOUD]
