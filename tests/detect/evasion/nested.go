package evasion

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

var nestedTransforms = []Transform{
	{Name: "html-comment", Apply: around("<p>The museum opens at ten.</p>\n<!-- ", " -->\n<p>Tickets are sold at the door.</p>"), Hides: true, keeps: everything},
	{Name: "html-invisible", Apply: around(`<p>The museum opens at ten.</p><div style="display:none">`, `</div>`), Hides: true, keeps: everything},
	{Name: "html-attribute", Apply: single(func(text string) string {
		return `<p>The museum opens at ten.</p><img src="plan.png" alt="` + attribute(text) + `">`
	})},
	{Name: "markdown-comment", Apply: around("The museum opens at ten.\n\n[//]: # (", ")\n"), Hides: true, keeps: everything},
	{Name: "link-title", Apply: single(func(text string) string {
		return `See the [opening hours](https://museum.example/hours "` + attribute(text) + `") of the museum.`
	}), Hides: true},
	{Name: "code-fence", Apply: around("The file has this in it:\n\n```\n", "\n```\n"), keeps: everything},
	{Name: "block-quote", Apply: single(func(text string) string { return "> " + strings.ReplaceAll(text, "\n", "\n> ") }), keeps: everything},
	{Name: "markdown-table", Apply: single(func(text string) string {
		return "| name | note |\n|---|---|\n| museum | " + strings.ReplaceAll(text, "\n", " ") + " |\n"
	})},
	{Name: "emphasis", Apply: latin(single(func(text string) string { return "**" + strings.Join(strings.Fields(text), "** **") + "**" }))},
	{Name: "json", Apply: single(func(text string) string { return object("result", text) }), keeps: everything},
	{Name: "json-in-a-string", Apply: single(func(text string) string { return object("result", object("note", text)) }), keeps: everything},
	{Name: "json-key", Apply: single(func(text string) string { return `{` + quote(text) + `:true}` })},
	{Name: "xml-cdata", Apply: around("<result><![CDATA[", "]]></result>"), keeps: everything},
	{Name: "yaml", Apply: single(func(text string) string { return "result: |\n  " + strings.ReplaceAll(text, "\n", "\n  ") + "\n" }), keeps: everything},
	{Name: "code-comment", Apply: single(func(text string) string {
		return "func open() bool {\n\t// " + strings.ReplaceAll(text, "\n", "\n\t// ") + "\n\treturn true\n}\n"
	})},
	{Name: "mail", Apply: around("Subject: Opening hours\nFrom: Ann <ann@museum.example>\n\nHello,\n\n", "\n\nKind regards\nAnn")},
}

func around(before, behind string) func(string, uint64) []string {
	return single(func(text string) string { return before + text + behind })
}

// attribute makes a text one that double quotes can hold.
func attribute(text string) string { return strings.NewReplacer(`"`, "'", "\n", " ").Replace(text) }

func object(name, text string) string { return `{` + quote(name) + `:` + quote(text) + `}` }

// quote returns the JSON string of a text.
func quote(text string) string {
	quoted, _ := jsontext.AppendQuote(nil, text) // what is no Unicode becomes U+FFFD
	return string(quoted)
}
