"""Countries by their English and German names, folded: a code, then what files call it."""

# From the Unicode CLDR as shipped in the package phonenumbers, and some common spellings.
NAMES = """\
AD andorra
AE united_arab_emirates vereinigte_arabische_emirate uae vae
AF afghanistan
AG antigua_and_barbuda antigua_und_barbuda
AI anguilla
AL albania albanien
AM armenia armenien
AN netherlands_antilles niederlaendische_antillen
AO angola
AQ antarctica antarktis
AR argentina argentinien
AS american_samoa amerikanisch_samoa
AT austria oesterreich
AU australia australien
AW aruba
AX aland_islands aaland_inseln
AZ azerbaijan aserbaidschan
BA bosnia_and_herzegovina bosnien_und_herzegowina bosnia bosnien
BB barbados
BD bangladesh bangladesch
BE belgium belgien
BF burkina_faso
BG bulgaria bulgarien
BH bahrain
BI burundi
BJ benin
BL saint_barthelemy
BM bermuda
BN brunei
BO bolivia bolivien
BQ bonaire_sint_eustatius_and_saba bonaire_sint_eustatius_und_saba
BR brazil brasilien
BS bahamas
BT bhutan
BV bouvet_island bouvet_insel
BW botswana botsuana
BY belarus
BZ belize
CA canada kanada
CC cocos_islands kokos_inseln
CD the_democratic_republic_of_congo demokratische_republik_kongo
CF central_african_republic zentralafrikanische_republik
CG congo kongo
CH switzerland schweiz suisse svizzera
CI cote_d_ivoire elfenbeinkueste ivory_coast
CK cook_islands cook_inseln
CL chile
CM cameroon kamerun
CN china volksrepublik_china people_s_republic_of_china
CO colombia kolumbien
CR costa_rica
CU cuba kuba
CV cape_verde kap_verde
CW curacao
CX christmas_island weihnachtsinsel
CY cyprus zypern
CZ czech_republic tschechische_republik tschechien czechia
DE germany deutschland brd
DJ djibouti dschibuti
DK denmark daenemark
DM dominica
DO dominican_republic dominikanische_republik
DZ algeria algerien
EC ecuador
EE estonia estland
EG egypt aegypten
EH western_sahara westsahara
ER eritrea
ES spain spanien
ET ethiopia aethiopien
FI finland finnland
FJ fiji fidschi
FK falkland_islands falkland_inseln
FM micronesia mikronesien
FO faroe_islands faeroeer_inseln
FR france frankreich
GA gabon gabun
GB united_kingdom vereinigtes_koenigreich grossbritannien great_britain
GB england uk u_k scotland wales northern_ireland schottland
GD grenada
GE georgia georgien
GF french_guiana franzoesisch_guayana
GG guernsey
GH ghana
GI gibraltar
GL greenland groenland
GM gambia
GN guinea
GP guadeloupe
GQ equatorial_guinea aequatorial_guinea
GR greece griechenland
GS south_georgia_and_the_south_sandwich_islands sued_georgia_und_die_suedlichen_sandwich_inseln
GT guatemala
GU guam
GW guinea_bissau
GY guyana
HK hong_kong hongkong
HM heard_island_and_mcdonald_islands heard_und_mcdonald_inseln
HN honduras
HR croatia kroatien
HT haiti
HU hungary ungarn
ID indonesia indonesien
IE ireland irland republic_of_ireland
IL israel
IM isle_of_man
IN india indien
IO british_indian_ocean_territory britische_territorien_im_indischen_ozean
IQ iraq irak
IR iran
IS iceland island
IT italy italien
JE jersey
JM jamaica jamaika
JO jordan jordanien
JP japan
KE kenya kenia
KG kyrgyzstan kirgistan
KH cambodia kambodscha
KI kiribati
KM comoros komoren
KN saint_kitts_and_nevis saint_kitts_und_nevis
KP north_korea nordkorea
KR south_korea suedkorea korea republic_of_korea
KW kuwait
KY cayman_islands kaiman_inseln
KZ kazakhstan kasachstan
LA laos
LB lebanon libanon
LC saint_lucia st_lucia
LI liechtenstein
LK sri_lanka
LR liberia
LS lesotho
LT lithuania litauen
LU luxembourg luxemburg
LV latvia lettland
LY libya libyen
MA morocco marokko
MC monaco
MD moldova moldau
ME montenegro
MF saint_martin st_martin
MG madagascar madagaskar
MH marshall_islands marshall_inseln
MK macedonia mazedonien
ML mali
MM myanmar burma birma
MN mongolia mongolei
MO macao macau
MP northern_mariana_islands noerdliche_mariannen_inseln
MQ martinique
MR mauritania mauretanien
MS montserrat
MT malta
MU mauritius
MV maldives maldiven
MW malawi
MX mexico mexiko
MY malaysia
MZ mozambique mosambik
NA namibia
NC new_caledonia neukaledonien
NE niger
NF norfolk_island norfolk_insel
NG nigeria
NI nicaragua
NL netherlands niederlande the_netherlands holland
NO norway norwegen
NP nepal
NR nauru
NU niue
NZ new_zealand neuseeland
OM oman
PA panama
PE peru
PF french_polynesia franzoesisch_polynesien
PG papua_new_guinea papua_neuguinea
PH philippines philippinen
PK pakistan
PL poland polen
PM saint_pierre_and_miquelon st_pierre_und_miquelon
PN pitcairn
PR puerto_rico
PS palestine palaestina
PT portugal
PW palau
PY paraguay
QA qatar katar
RE reunion
RO romania rumaenien
RS serbia serbien
RU russia russland russian_federation russische_foederation
RW rwanda ruanda
SA saudi_arabia saudi_arabien
SB solomon_islands solomon_inseln
SC seychelles seychellen
SD sudan
SE sweden schweden
SG singapore singapur
SH saint_helena st_helena
SI slovenia slowenien
SJ svalbard_and_jan_mayen svalbard_und_jan_mayen
SK slovakia slowakei slowakische_republik slovak_republic
SL sierra_leone
SM san_marino
SN senegal
SO somalia
SR suriname
SS south_sudan suedsudan
ST sao_tome_and_principe sao_tome_und_principe
SV el_salvador
SX sint_maarten_dutch_part sint_maarten_niederlaendischer_teil
SY syria syrien
SZ swaziland swasiland
TC turks_and_caicos_islands turks_und_caicos_inseln
TD chad tschad
TF french_southern_territories franzoesische_suedgebiete
TG togo
TH thailand
TJ tajikistan tadschikistan
TK tokelau
TL timor_leste
TM turkmenistan
TN tunisia tunesien
TO tonga
TR turkey tuerkei turkiye
TT trinidad_and_tobago trinidad_und_tobago
TV tuvalu
TW taiwan
TZ tanzania tansania
UA ukraine
UG uganda
UM united_states_minor_outlying_islands uebrige_inseln_im_pazifik_der_usa
US united_states vereinigte_staaten_von_amerika usa vereinigte_staaten
US united_states_of_america u_s_a u_s us_of_america america amerika
UY uruguay
UZ uzbekistan usbekistan
VA vatican vatikanstadt
VC saint_vincent_and_the_grenadines st_vincent_und_die_grenadinen
VE venezuela
VG british_virgin_islands britische_jungferninseln
VI u_s_virgin_islands amerikanische_jungferninseln
VN vietnam viet_nam
VU vanuatu
WF wallis_and_futuna wallis_und_futuna
WS samoa
YE yemen jemen
YT mayotte
ZA south_africa suedafrika
ZM zambia sambia
ZW zimbabwe simbabwe
"""
