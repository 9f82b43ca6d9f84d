//! Every page in every state: it renders, keeps to the content security policy, and lets no text become markup.

mod doors;

use std::collections::{BTreeSet, HashSet};

use super::samples::{self, HOSTILE};

/// The values of an attribute, in order.
fn attributes<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    let opening = format!(" {name}=\"");
    html.split(&opening).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

/// The tags of a page, without their brackets: `a href="/"`. Text has no `<` of its own.
fn tags(html: &str) -> Vec<&str> {
    html.split('<')
        .skip(1)
        .filter_map(|rest| rest.split('>').next())
        .filter(|tag| !tag.starts_with('/'))
        .collect()
}

/// The names of a tag's attributes: what stands outside of quotation marks.
fn attribute_names(tag: &str) -> impl Iterator<Item = &str> {
    tag.split('"').step_by(2).flat_map(str::split_whitespace).map(|word| word.trim_end_matches('='))
}

#[test]
fn every_page_is_whole() {
    for (name, html) in samples::all() {
        assert!(html.starts_with("<!doctype html>") && html.trim_end().ends_with("</html>"), "{name}");
        assert!(!html.contains("<title> ·") && html.contains(" · Forebay</title>"), "{name} has no title");
        assert_eq!(
            tags(&html).iter().filter(|tag| tag.starts_with("h1")).count(),
            1,
            "{name} has one heading"
        );
        assert!(
            html.contains("href=\"#content\"") && html.contains("id=\"content\""),
            "{name} has a skip link"
        );
    }
}

#[test]
fn pages_keep_to_the_content_security_policy() {
    for (name, html) in samples::all() {
        for tag in tags(&html) {
            let element = tag.split_whitespace().next().unwrap_or_default();
            assert!(
                attribute_names(tag).all(|attribute| attribute != "style") && element != "style",
                "{name}: <{tag}>"
            );
            assert!(element != "script" || tag.contains("src=\"/assets/"), "{name}: <{tag}>");
            assert!(attribute_names(tag).all(|attribute| !attribute.starts_with("on")), "{name}: <{tag}>");
        }
        for source in attributes(&html, "src") {
            assert!(source.starts_with("/assets/"), "{name}: {source}");
        }
        for action in attributes(&html, "action") {
            assert!(action.starts_with('/') && !action.starts_with("//"), "{name}: {action}");
        }
    }
}

#[test]
fn no_text_becomes_markup() {
    let known: HashSet<&str> = [
        "!doctype",
        "a",
        "article",
        "aside",
        "blockquote",
        "body",
        "button",
        "caption",
        "circle",
        "code",
        "dd",
        "desc",
        "details",
        "div",
        "dl",
        "dt",
        "ellipse",
        "em",
        "figcaption",
        "figure",
        "form",
        "g",
        "h1",
        "h2",
        "h3",
        "head",
        "header",
        "html",
        "i",
        "input",
        "kbd",
        "label",
        "li",
        "line",
        "link",
        "main",
        "mark",
        "meta",
        "nav",
        "noscript",
        "ol",
        "option",
        "p",
        "path",
        "pre",
        "progress",
        "rect",
        "script",
        "section",
        "select",
        "small",
        "span",
        "strong",
        "summary",
        "svg",
        "symbol",
        "table",
        "tbody",
        "td",
        "text",
        "textarea",
        "th",
        "thead",
        "time",
        "title",
        "tr",
        "ul",
        "use",
    ]
    .into();
    for (name, html) in samples::all() {
        let used: BTreeSet<&str> = tags(&html)
            .into_iter()
            .map(|tag| tag.split([' ', '\n', '/']).next().unwrap_or_default())
            .collect();
        let unknown: Vec<_> = used.into_iter().filter(|tag| !known.contains(tag)).collect();
        assert!(unknown.is_empty(), "{name}: {unknown:?}");
        assert_eq!(html.matches("<script").count(), 1, "{name}: only our own script");
        assert!(!html.contains("href=\"javascript:"), "{name}");
        assert!(!html.contains(HOSTILE), "{name}");
        if name.ends_with("-hostile") {
            assert!(
                html.contains("&#60;script&#62;") || html.contains("&lt;script&gt;"),
                "{name} shows the text"
            );
        }
    }
}

#[test]
fn every_control_has_a_name_and_ids_are_unique() {
    for (name, html) in samples::all() {
        let ids = attributes(&html, "id");
        let unique: HashSet<_> = ids.iter().collect();
        assert_eq!(ids.len(), unique.len(), "{name}: {ids:?}");
        for reference in ["for", "aria-labelledby", "aria-describedby"] {
            for target in attributes(&html, reference).iter().flat_map(|value| value.split_whitespace()) {
                assert!(ids.contains(&target), "{name}: {reference}={target}");
            }
        }
        let labelled: HashSet<_> = attributes(&html, "for").into_iter().collect();
        let mut within_label = 0;
        for part in html.split('<').skip(1) {
            let tag = part.split('>').next().unwrap_or_default();
            match tag.split_whitespace().next().unwrap_or_default() {
                "label" => within_label += 1,
                "/label" => within_label -= 1,
                "input" | "select" | "textarea" => {
                    let own =
                        attributes(&format!(" {tag}"), "id").first().is_some_and(|id| labelled.contains(id));
                    let exempt = tag.contains("type=\"hidden\"") || tag.contains("disabled");
                    assert!(own || within_label > 0 || exempt, "{name}: <{tag}> has no label");
                }
                _ => {}
            }
        }
        assert_eq!(
            html.matches("<th ").count(),
            html.matches("scope=\"").count(),
            "{name}: headers have a scope"
        );
    }
}

#[test]
fn numbers_open_their_issues() {
    let (_, html) = samples::all().into_iter().find(|(name, _)| *name == "overview").unwrap();
    for number in [
        "Throughput: 165 issues",
        "Lead time: 6.3 days P50",
        "SLA risk: 23 open",
        "In progress: 37 issues",
        "Reopen rate: 4.2 %",
    ] {
        let link =
            html.split("<a ").find(|tag| tag.contains(&format!("aria-label=\"{number}"))).expect(number);
        assert!(link.starts_with("href=\"/issues?jql="), "{number}: {link}");
    }
}

/// `FOREBAY_PAGES=DIR cargo nextest run -p web --run-ignored only write_samples` writes all pages for a person to look at.
#[test]
#[ignore = "writes files"]
fn write_samples() {
    let Some(folder) = std::env::var_os("FOREBAY_PAGES").map(std::path::PathBuf::from) else {
        eprintln!("skipped: FOREBAY_PAGES names no folder");
        return;
    };
    std::fs::create_dir_all(folder.join("assets")).unwrap();
    for (name, html) in samples::all() {
        std::fs::write(folder.join(format!("{name}.html")), html).unwrap();
    }
    for asset in [&super::assets::STYLE, &super::assets::SCRIPT, &super::assets::ICON] {
        std::fs::write(folder.join(asset.path.trim_start_matches('/')), asset.content).unwrap();
    }
}
