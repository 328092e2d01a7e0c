package dev.heddle.lab.compare;

/// Text in HTML.
final class Html {
    private Html() {}

    /// Text that means itself, also inside an attribute.
    static String escape(String text) {
        return text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&quot;")
                .replace("'", "&#39;");
    }
}
