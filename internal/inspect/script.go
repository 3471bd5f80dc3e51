package inspect

import (
	libinjection "github.com/corazawaf/libinjection-go"
)

// scriptActs is what a script that is smuggled into a page does: show that it runs, or take something.
var scriptActs = newAlternatives(`(?i)(?:alert|prompt|confirm|eval|fetch|write|msgbox|expression)\s*(?:\(|&lpar;|` + "`" + `|\.call|\d)|document\s*[.\[]|(?:java|vb)\s*script\s*:|fromcharcode|location\s*[.=(]|<script[^>]*src\s*=\s*["']?(?:https?:)?//|\.innerHTML|window\s*[.\[]|self\s*[.\[]|\bon\w{3,20}\s*=\s*["']?\w+\(`)

// verifyScript decides whether the whole of a short value is markup that runs a script. Markup as such is what agents
// for the web write.
func verifyScript(b []byte, _ span) bool {
	return scriptActs.Match(b) && libinjection.IsXSS(string(b))
}
