"""Where the people of the demo shop come from: names, streets, cities and mobile numbers by country.

Texts are lists parted by ", ". In a mobile number `#` stands for a digit; the numbers pass as valid and nobody is ever
called: the demo speaks to a sandbox only.
"""

# ruff: noqa: RUF001 - Turkish has a letter that looks like an i
from __future__ import annotations

from typing import Final, NamedTuple


class Country(NamedTuple):
    """One country.

    Args:
        code: ISO 3166 alpha-2.
        name: in English, as the platforms write it.
        currency: ISO 4217.
        dial: the calling code.
        trunk: what is dialled before a number inside the country.
        mobile: the form of a mobile number without trunk.
        first_names: given names.
        last_names: family names.
        streets: `{n}` stands for the house number.
        cities: each as `city|postcode`.
    """

    code: str
    name: str
    currency: str
    dial: str
    trunk: str
    mobile: str
    first_names: str
    last_names: str
    streets: str
    cities: str


COUNTRIES: Final[tuple[Country, ...]] = (
    Country(
        "DE", "Germany", "EUR", "49", "0", "171 #######",
        "Jürgen, Käthe, Sören, Anneliese, Björn, Mia, Lukas, Hannah, Götz, Zoë, Emre, Friederike",
        "Müller, Schäfer, Groß, Krüger, Weiß, Vogt, Böhm, Lindner, Yıldız, von Bülow, Schröder, Jäger",
        "Lindenstraße {n}, Am Mühlbach {n}, Goethestraße {n}, Rosenweg {n}",
        "Berlin|10115, München|80331, Köln|50667, Görlitz|02826, Lübeck|23552",
    ),
    Country(
        "AT", "Austria", "EUR", "43", "0", "664 #######",
        "Leopold, Resi, Maximilian, Franziska, Xaver, Johanna, Valentin, Magdalena",
        "Gruber, Hübner, Pichler, Österreicher, Wögerbauer, Steiner, Zöchling, Moser",
        "Mariahilfer Straße {n}, Kärntner Ring {n}, Mühlgasse {n}",
        "Wien|1060, Graz|8010, Salzburg|5020, Mödling|2340",
    ),
    Country(
        "CH", "Switzerland", "CHF", "41", "0", "79 ### ## ##",
        "Reto, Beat, Ursina, Noémie, Luca, Céline, Andri, Lea",
        "Bürgi, Zürcher, Favre, Bernasconi, Rüegg, Caduff, Wälti, Aebischer",
        "Bahnhofstrasse {n}, Rue du Rhône {n}, Via Nassa {n}",
        "Zürich|8001, Genève|1204, Lugano|6900, Bern|3011",
    ),
    Country(
        "FR", "France", "EUR", "33", "0", "6 12 ## ## ##",
        "Amélie, François, Zoé, Théo, Hélène, Loïc, Inès, Jérôme, Maëlys, Benoît",
        "Lefèvre, Durand, Garçon, Béranger, Le Goff, Maréchal, Noël, Rousseau, Dupré",
        "{n} rue des Lilas, {n} avenue Foch, {n} place d'Armes",
        "Lyon|69003, Nîmes|30000, Saint-Étienne|42000, Paris|75011",
    ),
    Country(
        "ES", "Spain", "EUR", "34", "", "612 ### ###",
        "Íñigo, Begoña, Álvaro, Lucía, Martín, Concepción, Iker, Rocío",
        "Núñez, García Márquez, Ibáñez, Peña, Muñoz, Etxeberria, Gómez, Castaño",
        "Calle Mayor {n}, Avenida de la Constitución {n}, Plaza España {n}",
        "Madrid|28013, Cádiz|11005, A Coruña|15003, Málaga|29015",
    ),
    Country(
        "IT", "Italy", "EUR", "39", "", "347 #######",
        "Niccolò, Giulia, Alessandro, Chiara, Matteo, Noemi, Raffaele, Beatrice",
        "D'Angelo, Rossi, Esposito, Dalla Chiesa, Bianchi, Nicolò, Ferrè, Colombo",
        "Via Garibaldi {n}, Corso Umberto {n}, Piazza del Popolo {n}",
        "Milano|20121, Forlì|47121, Bologna|40126, Napoli|80132",
    ),
    Country(
        "NL", "Netherlands", "EUR", "31", "0", "6 12######",
        "Noor, Sjoerd, Anouk, Daan, Fleur, Joost, Saskia, Thijs",
        "van Dijk, de Boer, van der Berg, Jansen, 't Hart, Brouwer, Coenraads, Visser",
        "Keizersgracht {n}, Dorpsstraat {n}, Oranjelaan {n}",
        "Amsterdam|1015 CJ, Utrecht|3511 AB, Groningen|9711 LM",
    ),
    Country(
        "BE", "Belgium", "EUR", "32", "0", "470 ## ## ##",
        "Maarten, Élise, Wout, Océane, Pieter, Léa, Gijs, Margaux",
        "Peeters, Dubois, Claeys, Van den Broeck, Lambert, Goossens, Noël, Maes",
        "Rue Neuve {n}, Meir {n}, Korenmarkt {n}",
        "Bruxelles|1000, Antwerpen|2000, Liège|4000, Gent|9000",
    ),
    Country(
        "PL", "Poland", "PLN", "48", "", "601 ### ###",
        "Łukasz, Małgorzata, Wojciech, Zofia, Grzegorz, Agnieszka, Michał, Żaneta",
        "Wiśniewski, Wójcik, Dąbrowska, Kowalczyk, Żak, Śliwa, Jabłoński, Gołąb",
        "ul. Długa {n}, ul. Świętojańska {n}, al. Jerozolimskie {n}",
        "Warszawa|00-001, Łódź|90-001, Kraków|30-002, Gdańsk|80-831",
    ),
    Country(
        "CZ", "Czechia", "CZK", "420", "", "601 ### ###",
        "Jiří, Kateřina, Ondřej, Zdeňka, Tomáš, Růžena, Matěj, Eliška",
        "Novák, Dvořáková, Říha, Svoboda, Černý, Kučerová, Šťastný, Veselá",
        "Dlouhá {n}, Nádražní {n}, Květná {n}",
        "Praha|110 00, Brno|602 00, Plzeň|301 00",
    ),
    Country(
        "SE", "Sweden", "SEK", "46", "0", "70 174 ## ##",
        "Åsa, Göran, Märta, Björn, Linnéa, Håkan, Elsa, Östen",
        "Sjöberg, Åkesson, Lindström, Öhman, Bäck, Nyström, Söderlund, Ek",
        "Storgatan {n}, Ängsvägen {n}, Drottninggatan {n}",
        "Stockholm|111 22, Malmö|211 20, Göteborg|411 03, Umeå|903 26",
    ),
    Country(
        "DK", "Denmark", "DKK", "45", "", "31 12 ## ##",
        "Søren, Bodil, Jørgen, Freja, Åge, Kirstine, Rasmus, Signe",
        "Sørensen, Kjær, Nørgaard, Møller, Østergaard, Bach, Højlund, Friis",
        "Nørregade {n}, Strandvejen {n}, Kløvermarken {n}",
        "København|1165, Århus|8000, Sønderborg|6400",
    ),
    Country(
        "FI", "Finland", "EUR", "358", "0", "40 #######",
        "Väinö, Päivi, Eero, Aino, Jyrki, Sisu, Kyllikki, Onni",
        "Mäkinen, Hämäläinen, Korhonen, Järvi, Lehtonen, Yrjänä, Niemi, Sjöblom",
        "Mannerheimintie {n}, Koivukatu {n}, Hämeenkatu {n}",
        "Helsinki|00100, Jyväskylä|40100, Seinäjoki|60100",
    ),
    Country(
        "PT", "Portugal", "EUR", "351", "", "912 ### ###",
        "João, Conceição, Inês, Gonçalo, Beatriz, Luís, Mafalda, Simão",
        "Simões, Conceição, Araújo, Magalhães, Leitão, da Silva, Guimarães, Brandão",
        "Rua Augusta {n}, Avenida da Liberdade {n}, Largo do Carmo {n}",
        "Lisboa|1100-053, Porto|4000-322, Évora|7000-845",
    ),
    Country(
        "GB", "United Kingdom", "GBP", "44", "0", "7400 ######",
        "Alfie, Imogen, Rhys, Siân, Callum, Aisha, Freya, Oliver",
        "Smith, O'Connor, Pryce-Jones, Campbell, Patel, Llewellyn, Whitaker, Fernsby",
        "{n} High Street, {n} Station Road, Flat 2 {n} Mill Lane",
        "London|EC1A 1BB, Leeds|LS1 4AP, Cardiff|CF10 1EP, Inverness|IV1 1HS",
    ),
    Country(
        "IE", "Ireland", "EUR", "353", "0", "85 ### ####",
        "Saoirse, Cillian, Niamh, Seán, Aoife, Pádraig, Róisín, Eoin",
        "O'Brien, Ní Dhomhnaill, Murphy, Ó Súilleabháin, Byrne, Kavanagh, Doyle, Walsh",
        "{n} Grafton Street, {n} Shop Street, {n} Patrick Street",
        "Dublin|D02 X285, Galway|H91 E9XA, Cork|T12 W8XF",
    ),
    Country(
        "US", "United States", "USD", "1", "", "212 555 01##",
        "Emma, Liam, José, Chloe, Jamal, Mei, Hunter, Renée, Noah, Siobhan",
        "Johnson, García, Nguyen, Smith, Washington, Kowalski, O'Hara, Beauchamp, Lee",
        "{n} Main Street, {n} Elm Avenue Apt 4, {n} Sunset Boulevard",
        "New York|10001, Portland|97205, Austin|78701, Chicago|60614",
    ),
    Country(
        "CA", "Canada", "CAD", "1", "", "416 555 01##",
        "Étienne, Avery, Gurpreet, Zoé, Logan, Mélanie, Xavier, Brooke",
        "Tremblay, MacDonald, Singh, Gagné, Côté, Wong, Bélanger, Fraser",
        "{n} Yonge Street, {n} rue Sainte-Catherine, {n} Water Street",
        "Toronto|M5B 2H1, Montréal|H3B 1A7, Halifax|B3J 1S9",
    ),
    Country(
        "BR", "Brazil", "BRL", "55", "0", "11 96###-####",
        "João, Letícia, Caio, Antônia, Vinícius, Mônica, Thiago, Luíza",
        "Souza, Conceição, Araújo, Gonçalves, Assunção, Ferreira, Magalhães, Lima",
        "Rua das Flores {n}, Avenida Paulista {n}, Travessa do Sol {n}",
        "São Paulo|01310-100, Belém|66010-000, Curitiba|80010-000",
    ),
    Country(
        "TR", "Türkiye", "TRY", "90", "0", "532 ### ## ##",
        "Çağla, İbrahim, Şebnem, Oğuz, Ümit, Gülşah, Barış, Defne",
        "Yılmaz, Öztürk, Şahin, Çelik, Kılıç, Aydın, Güneş, Işık",
        "İstiklal Caddesi {n}, Atatürk Bulvarı {n}, Gül Sokak {n}",
        "İstanbul|34433, İzmir|35220, Muğla|48000",
    ),
    Country(
        "IN", "India", "INR", "91", "0", "98### #####",
        "Aarav, Priya, Rohan, Ananya, Vikram, Lakshmi, Arjun, Fatima",
        "Sharma, Iyer, Banerjee, Singh, Reddy, Khan, D'Souza, Nair",
        "{n} MG Road, {n} Park Street, {n} Linking Road",
        "Mumbai|400050, Bengaluru|560001, Kolkata|700016",
    ),
    Country(
        "AU", "Australia", "AUD", "61", "0", "412 ### ###",
        "Matilda, Lachlan, Tahlia, Jarrah, Isla, Angus, Nguyet, Beau",
        "Williams, Nguyen, McKenzie, Papadopoulos, Taylor, Kelly, Rossi, Harrington",
        "{n} George Street, {n} Collins Street, {n} Wattle Grove",
        "Sydney|2000, Melbourne|3000, Hobart|7000",
    ),
)  # fmt: skip
