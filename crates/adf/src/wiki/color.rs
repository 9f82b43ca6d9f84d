//! The colours that `{color:…}` and `{panel:bgColor=…}` name.

use crate::validate::is_hex_color;

const NAMED: [(&str, &str); 25] = [
    ("aqua", "#00ffff"),
    ("black", "#000000"),
    ("blue", "#0000ff"),
    ("brown", "#a52a2a"),
    ("cyan", "#00ffff"),
    ("darkblue", "#00008b"),
    ("darkgreen", "#006400"),
    ("darkred", "#8b0000"),
    ("fuchsia", "#ff00ff"),
    ("gold", "#ffd700"),
    ("gray", "#808080"),
    ("green", "#008000"),
    ("grey", "#808080"),
    ("lime", "#00ff00"),
    ("magenta", "#ff00ff"),
    ("maroon", "#800000"),
    ("navy", "#000080"),
    ("olive", "#808000"),
    ("orange", "#ffa500"),
    ("purple", "#800080"),
    ("red", "#ff0000"),
    ("silver", "#c0c0c0"),
    ("teal", "#008080"),
    ("white", "#ffffff"),
    ("yellow", "#ffff00"),
];

/// A colour as `#rrggbb`; `None` for one that is not known.
pub(super) fn to_hex(name: &str) -> Option<String> {
    let name = name.trim().to_ascii_lowercase();
    if is_hex_color(&name, 6) {
        return Some(name);
    }
    if is_hex_color(&name, 3) {
        let doubled: String = name.chars().skip(1).flat_map(|digit| [digit, digit]).collect();
        return Some(format!("#{doubled}"));
    }
    NAMED.iter().find(|(known, _)| *known == name).map(|(_, hex)| (*hex).to_owned())
}

#[cfg(test)]
mod tests {
    use super::to_hex;

    #[test]
    fn names_and_short_forms_become_six_digits() {
        assert_eq!(to_hex("Red").as_deref(), Some("#ff0000"));
        assert_eq!(to_hex(" #F80 ").as_deref(), Some("#ff8800"));
        assert_eq!(to_hex("#ABCDEF").as_deref(), Some("#abcdef"));
        assert_eq!(to_hex("url(x)"), None);
    }
}
