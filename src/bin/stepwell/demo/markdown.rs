//! What is in one Markdown text: words, headings, links, sentences. It never looks at other files.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// How many of the longest sentences are kept.
const LONGEST: usize = 3;
/// How much of a sentence's text is kept, in characters.
const EXCERPT: usize = 60;

/// What is in one Markdown text.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) words: usize,
    pub(super) headings: usize,
    /// Targets of links and images, each with its line.
    pub(super) links: Vec<(usize, String)>,
    /// What `#…` in a link to this text may name.
    pub(super) anchors: BTreeSet<String>,
    /// Longest first.
    pub(super) longest: Vec<Sentence>,
}

/// A sentence, by its beginning.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Sentence {
    pub(super) words: usize,
    pub(super) line: usize,
    pub(super) text: String,
}

/// Reads `text`.
pub(super) fn read(text: &str) -> Contents {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_FOOTNOTES;
    let mut reader = Reader {
        lines: Lines::of(text),
        ..Reader::default()
    };
    for (event, at) in Parser::new_ext(text, options).into_offset_iter() {
        reader.take(&event, &at);
    }
    reader.end_block();
    reader.contents
}

#[derive(Default)]
struct Reader {
    contents: Contents,
    lines: Lines,
    /// The text of the current paragraph or heading, and where it begins.
    block: String,
    begins: usize,
    in_code: bool,
    slugs: BTreeMap<String, usize>,
}

impl Reader {
    fn take(&mut self, event: &Event<'_>, at: &Range<usize>) {
        match event {
            Event::Start(Tag::CodeBlock(_)) => self.in_code = true,
            Event::End(TagEnd::CodeBlock) => self.in_code = false,
            Event::Start(Tag::Heading { .. } | Tag::Paragraph | Tag::Item | Tag::TableCell) => {
                self.end_block();
                self.begins = at.start;
            }
            Event::End(TagEnd::Heading(_)) => self.end_heading(),
            Event::End(TagEnd::Paragraph | TagEnd::Item | TagEnd::TableCell) => self.end_block(),
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                let line = self.lines.number(at.start);
                self.contents.links.push((line, dest_url.to_string()));
            }
            Event::Text(text) | Event::Code(text) if !self.in_code => self.block.push_str(text),
            Event::SoftBreak | Event::HardBreak => self.block.push(' '),
            Event::Html(html) | Event::InlineHtml(html) => {
                self.contents.anchors.extend(html_anchors(html));
            }
            _ => {}
        }
    }

    fn end_heading(&mut self) {
        let slug = slug(&self.block);
        let seen = self.slugs.entry(slug.clone()).or_default();
        let anchor = match *seen {
            0 => slug,
            n => format!("{slug}-{n}"),
        };
        *seen += 1;
        self.contents.anchors.insert(anchor);
        self.contents.headings += 1;
        self.contents.words += self.block.split_whitespace().count();
        self.block.clear();
    }

    fn end_block(&mut self) {
        let block = std::mem::take(&mut self.block);
        self.contents.words += block.split_whitespace().count();
        let line = self.lines.number(self.begins);
        for text in sentences(&block) {
            let words = text.split_whitespace().count();
            let longest = &mut self.contents.longest;
            let place = longest.partition_point(|other| other.words >= words);
            if place < LONGEST && words > 0 {
                let text = excerpt(text);
                longest.insert(place, Sentence { words, line, text });
                longest.truncate(LONGEST);
            }
        }
    }
}

/// The lines of a text by the offsets at which they begin.
#[derive(Default)]
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(at, _)| at + 1).collect())
    }

    /// The number of the line at `offset`, from 1.
    fn number(&self, offset: usize) -> usize {
        self.0.partition_point(|begin| *begin <= offset) + 1
    }
}

/// A heading's anchor, as the large hosts of Markdown make it.
fn slug(heading: &str) -> String {
    heading
        .trim()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            '-' | '_' => Some(c),
            c if c.is_alphanumeric() => Some(c),
            _ => None,
        })
        .flat_map(char::to_lowercase)
        .collect()
}

/// The values of `id="…"` and `name="…"` in a piece of HTML.
fn html_anchors(html: &str) -> Vec<String> {
    ["id=\"", "name=\""]
        .iter()
        .flat_map(|key| html.split(key).skip(1))
        .filter_map(|rest| rest.split_once('"'))
        .map(|(value, _)| value.to_lowercase())
        .collect()
}

fn sentences(block: &str) -> impl Iterator<Item = &str> {
    // A full stop inside a word (`0.5`, `a.rs`) ends nothing.
    block
        .split_inclusive(['.', '!', '?'])
        .scan(0, move |begin, piece| {
            let end = *begin + piece.len();
            Some(std::mem::replace(begin, end)..end)
        })
        .filter_map({
            let mut begin = 0;
            move |piece| {
                let rest = block.get(piece.end..)?;
                if !rest.is_empty() && !rest.starts_with(char::is_whitespace) {
                    return None;
                }
                block.get(std::mem::replace(&mut begin, piece.end)..piece.end)
            }
        })
}

fn excerpt(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(EXCERPT) {
        None => text,
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default().trim_end()),
    }
}
