//! The PGP word list: bytes that people read aloud and write on paper.
//!
//! Zimmermann and Juola, "PGPfone Owner's Manual", appendix E (1996). A byte at an even place
//! (from 0) is a word of two syllables, a byte at an odd place a word of three, so that a word
//! dropped, doubled or swapped with its neighbour is noticed. It is not a checksum: a word misheard as another
//! of its own list gives other bytes.

use std::sync::LazyLock;

use super::spelling;

/// Words of two syllables, for the bytes 0x00 to 0xff at even places.
const EVEN_WORDS: &str = "aardvark absurd accrue acme adrift adult afflict ahead aimless Algol allow alone ammo ancient apple \
    artist assume Athens atlas Aztec baboon backfield backward banjo beaming bedlamp beehive beeswax \
    befriend Belfast berserk billiard bison blackjack blockade blowtorch bluebird bombast bookshelf \
    brackish breadline breakup brickyard briefcase Burbank button buzzard cement chairlift chatter checkup \
    chisel choking chopper Christmas clamshell classic classroom cleanup clockwork cobra commence concert \
    cowbell crackdown cranky crowfoot crucial crumpled crusade cubic dashboard deadbolt deckhand dogsled \
    dragnet drainage dreadful drifter dropper drumbeat drunken Dupont dwelling eating edict egghead \
    eightball endorse endow enlist erase escape exceed eyeglass eyetooth facial fallout flagpole flatfoot \
    flytrap fracture framework freedom frighten gazelle Geiger glitter glucose goggles goldfish gremlin \
    guidance hamlet highchair hockey indoors indulge inverse involve island jawbone keyboard kickoff kiwi \
    klaxon locale lockup merit minnow miser Mohawk mural music necklace Neptune newborn nightbird Oakland \
    obtuse offload optic orca payday peachy pheasant physique playhouse Pluto preclude prefer preshrunk \
    printer prowler pupil puppy python quadrant quiver quota ragtime ratchet rebirth reform regain \
    reindeer rematch repay retouch revenge reward rhythm ribcage ringbolt robust rocker ruffled sailboat \
    sawdust scallion scenic scorecard Scotland seabird select sentence shadow shamrock showgirl skullcap \
    skydive slingshot slowdown snapline snapshot snowcap snowslide solo southward soybean spaniel \
    spearhead spellbind spheroid spigot spindle spyglass stagehand stagnate stairway standard stapler \
    steamship sterling stockman stopwatch stormy sugar surmount suspense sweatband swelter tactics talon \
    tapeworm tempest tiger tissue tonic topmost tracker transit trauma treadmill Trojan trouble tumor \
    tunnel tycoon uncut unearth unwind uproot upset upshot vapor village virus Vulcan waffle wallet \
    watchword wayside willow woodlark Zulu";

/// Words of three syllables, for the bytes 0x00 to 0xff at odd places.
const ODD_WORDS: &str = "adroitness adviser aftermath aggregate alkali almighty amulet amusement antenna applicant Apollo \
    armistice article asteroid Atlantic atmosphere autopsy Babylon backwater barbecue belowground bifocals \
    bodyguard bookseller borderline bottomless Bradbury bravado Brazilian breakaway Burlington businessman \
    butterfat Camelot candidate cannonball Capricorn caravan caretaker celebrate cellulose certify \
    chambermaid Cherokee Chicago clergyman coherence combustion commando company component concurrent \
    confidence conformist congregate consensus consulting corporate corrosion councilman crossover \
    crucifix cumbersome customer Dakota decadence December decimal designing detector detergent determine \
    dictator dinosaur direction disable disbelief disruptive distortion document embezzle enchanting \
    enrollment enterprise equation equipment escapade Eskimo everyday examine existence exodus fascinate \
    filament finicky forever fortitude frequency gadgetry Galveston getaway glossary gossamer graduate \
    gravity guitarist hamburger Hamilton handiwork hazardous headwaters hemisphere hesitate hideaway \
    holiness hurricane hydraulic impartial impetus inception indigo inertia infancy inferno informant \
    insincere insurgent integrate intention inventive Istanbul Jamaica Jupiter leprosy letterhead liberty \
    maritime matchmaker maverick Medusa megaton microscope microwave midsummer millionaire miracle \
    misnomer molasses molecule Montana monument mosquito narrative nebula newsletter Norwegian October \
    Ohio onlooker opulent Orlando outfielder Pacific pandemic Pandora paperweight paragon paragraph \
    paramount passenger pedigree Pegasus penetrate perceptive performance pharmacy phonetic photograph \
    pioneer pocketful politeness positive potato processor provincial proximate puberty publisher pyramid \
    quantity racketeer rebellion recipe recover repellent replica reproduce resistor responsive retraction \
    retrieval retrospect revenue revival revolver sandalwood sardonic Saturday savagery scavenger \
    sensation sociable souvenir specialist speculate stethoscope stupendous supportive surrender \
    suspicious sympathy tambourine telephone therapist tobacco tolerance tomorrow torpedo tradition \
    travesty trombonist truncated typewriter ultimate undaunted underfoot unicorn unify universe unravel \
    upcoming vacancy vagabond vertigo Virginia visitor vocalist voyager warranty Waterloo whimsical \
    Wichita Wilmington Wyoming yesteryear Yucatan";

static EVEN: LazyLock<[&str; 256]> = LazyLock::new(|| list_of(EVEN_WORDS));
static ODD: LazyLock<[&str; 256]> = LazyLock::new(|| list_of(ODD_WORDS));

/// Longest piece of a wrong word that an error repeats, in characters.
const LONGEST_QUOTE: usize = 24;

/// Why words are not bytes. Places are counted from 1, as people count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WordsError {
    #[error("word {place}, \"{word}\", is not a PGP word{}", did_you_mean(.near))]
    Unknown {
        /// The word, its printable ASCII only and cut short.
        word: String,
        /// Its place, from 1.
        place: usize,
        /// The word of that place's list that is spelled almost like it.
        near: Option<&'static str>,
    },
    /// The word belongs to the other list: one was dropped, doubled or swapped, here or before.
    #[error(
        "word {place}, \"{word}\", cannot be here: a word was dropped, doubled or swapped at or before it"
    )]
    OutOfStep {
        word: &'static str,
        /// Its place, from 1.
        place: usize,
    },
}

fn did_you_mean(near: &Option<&'static str>) -> String {
    near.map_or_else(String::new, |word| format!("; did you mean \"{word}\"?"))
}

impl WordsError {
    /// What the person who typed the words can do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "compare the spelling with the paper",
            Self::OutOfStep { .. } => "compare the words before it one by one with the paper",
        }
    }
}

/// The PGP words of `bytes`, one for each, the first byte being at an even place.
pub fn to_words(bytes: &[u8]) -> Vec<&'static str> {
    let spell = |(place, byte): (usize, &u8)| word_of(list_at(place), *byte);
    bytes.iter().enumerate().map(spell).collect()
}

/// The bytes that `text` spells in PGP words, separated by white space or hyphens, in any case.
///
/// # Errors
/// [`WordsError`] for the first word that is in neither list, or in the list of the other places.
/// A text without words gives no bytes; a caller who expects a digest checks the length.
pub fn from_words(text: &str) -> Result<Vec<u8>, WordsError> {
    text.split(|c: char| c.is_whitespace() || c == '-')
        .filter(|word| !word.is_empty())
        .enumerate()
        .map(|(place, word)| byte_of(place, word))
        .collect()
}

fn byte_of(place: usize, word: &str) -> Result<u8, WordsError> {
    if let Some((byte, _)) = find(list_at(place), word) {
        return Ok(byte);
    }
    Err(match find(list_at(place + 1), word) {
        Some((_, word)) => WordsError::OutOfStep { word, place: place + 1 },
        None => {
            let near = spelling::nearest(word, list_at(place).iter().copied());
            WordsError::Unknown { word: quote(word), place: place + 1, near }
        }
    })
}

fn find(list: &[&'static str; 256], word: &str) -> Option<(u8, &'static str)> {
    // Some printings of the list write the last word of the odd places with an accent.
    let plain = word.replace(['\u{e1}', '\u{c1}'], "a");
    (0..=u8::MAX).zip(list.iter().copied()).find(|(_, listed)| listed.eq_ignore_ascii_case(&plain))
}

fn list_at(place: usize) -> &'static [&'static str; 256] {
    if place.is_multiple_of(2) { &EVEN } else { &ODD }
}

#[expect(clippy::indexing_slicing, reason = "a byte is always below 256, the length of the list")]
fn word_of(list: &[&'static str; 256], byte: u8) -> &'static str {
    list[usize::from(byte)]
}

fn list_of(words: &'static str) -> [&'static str; 256] {
    let mut list = [""; 256];
    for (entry, word) in list.iter_mut().zip(words.split_ascii_whitespace()) {
        *entry = word;
    }
    list
}

fn quote(word: &str) -> String {
    word.chars().map(|c| if c.is_ascii_graphic() { c } else { '?' }).take(LONGEST_QUOTE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    /// Fingerprints and their words as others printed them: the encyclopedia's example, and the
    /// README files of two independent programs.
    const PUBLISHED: [(&str, &str); 3] = [
        (
            "E58294F2E9A227486E8B061B31CC528FD7FA3F19",
            "topmost Istanbul Pluto vagabond treadmill Pacific brackish dictator goldfish Medusa \
             afflict bravado chatter revolver Dupont midsummer stopwatch whimsical cowbell bottomless",
        ),
        (
            "D1D464C004F00FB5C9A4C8D8E433E7FB7FF56256",
            "stairway souvenir flytrap recipe adrift upcoming artist positive spearhead Pandora \
             spaniel stupendous tonic concurrent transit Wichita lockup visitor flagpole escapade",
        ),
        (
            "EA5B81C564988C73EE90DEE9BAF1E07233CDE511",
            "Trojan exodus minnow resistor flytrap narrative offload hurricane tycoon millionaire \
             tactics ultimate shadow vacancy tapeworm holiness chisel sandalwood topmost Babylon",
        ),
    ];

    fn bytes(hex: &str) -> Vec<u8> {
        base16ct::mixed::decode_vec(hex).unwrap()
    }

    #[test]
    fn published_examples_hold_both_ways() {
        for (hex, words) in PUBLISHED {
            assert_eq!(to_words(&bytes(hex)).join(" "), words);
            assert_eq!(from_words(words).unwrap(), bytes(hex));
        }
    }

    #[test]
    fn the_lists_are_the_published_ones() {
        let words: Vec<&str> = [EVEN_WORDS, ODD_WORDS].iter().flat_map(|w| w.split_whitespace()).collect();
        assert_eq!((EVEN_WORDS.split_whitespace().count(), words.len()), (256, 512));
        let digest = Sha256::digest(words.join(" ").to_lowercase());
        // Computed from two other programs' tables, which agree.
        assert_eq!(digest[..], bytes("E732A7C847B5CEEA625E50B7DBD670D080D4B681A606C8805D588ED1848653DE"));
    }

    #[test]
    fn no_word_is_in_both_lists_or_holds_a_separator() {
        let mut all: Vec<String> = EVEN.iter().chain(ODD.iter()).map(|w| w.to_lowercase()).collect();
        assert!(all.iter().all(|w| !w.is_empty() && w.chars().all(|c| c.is_ascii_lowercase())));
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 512);
    }

    #[test]
    fn every_byte_survives_at_both_places() {
        let all: Vec<u8> = (0..=255).flat_map(|b| [b, b]).collect();
        assert_eq!(from_words(&to_words(&all).join("-")).unwrap(), all);
        assert_eq!(from_words(" \n").unwrap(), Vec::<u8>::new());
    }

    #[test]
    fn case_hyphens_lines_and_the_accent_do_not_matter() {
        assert_eq!(from_words("  TOPMOST-istanbul\n\tpluto - VAGABOND ").unwrap(), bytes("E58294F2"));
        assert_eq!(from_words("zulu Yucat\u{e1}n").unwrap(), [255, 255]);
    }

    #[test]
    fn dropped_doubled_and_swapped_words_are_noticed() {
        let at = |text: &str| match from_words(text).unwrap_err() {
            WordsError::OutOfStep { word, place } => (word, place),
            other => panic!("{other}"),
        };
        assert_eq!(at("topmost Pluto vagabond"), ("Pluto", 2));
        assert_eq!(at("topmost Istanbul Istanbul Pluto"), ("Istanbul", 3));
        assert_eq!(at("istanbul topmost"), ("Istanbul", 1));
    }

    #[test]
    fn an_unknown_word_is_named_without_its_control_characters() {
        let error = from_words("topmost Istambul\u{1b}[2J").unwrap_err();
        assert_eq!(error.to_string(), "word 2, \"Istambul?[2J\", is not a PGP word");
        let near = from_words("topmost Istambul").unwrap_err();
        assert_eq!(near.to_string(), "word 2, \"Istambul\", is not a PGP word; did you mean \"Istanbul\"?");
        let long = from_words(&"x".repeat(5000)).unwrap_err();
        assert_eq!(long, WordsError::Unknown { word: "x".repeat(LONGEST_QUOTE), place: 1, near: None });
    }
}
