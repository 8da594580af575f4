package console

import "github.com/postrider/postrider/webhook"

// navEntry is a link of the navigation.
type navEntry struct {
	Href, Icon, Text, Key string
	Present               bool
}

// navOf returns a link of the navigation, as seen from a page.
func navOf(p interface{ Base() page }, target, name, icon, text, key string) navEntry {
	base := p.Base()
	return navEntry{base.Root + target, icon, text, key, base.Nav == name}
}

// confirm is a question before something is done.
type confirm struct {
	Text, Action, Question, Yes string
	// Act is the value of the field of that name, if the form has one.
	Act    string
	Danger bool
	Field  field
}

func rotateConfirm(root, id string) confirm {
	return confirm{
		Text: "Rotate secret", Action: root + id + "/rotate", Yes: "Make a new secret",
		Question: "A new secret is made and shown once. Until the overlap ends both sign, so that you can change over without missing anything.",
		Field:    field{ID: "overlap", Name: "overlap", Label: "The old one goes on for", Value: "day", Options: []option{{"day", "A day"}, {"hour", "An hour"}, {"week", "A week"}, {"none", "Not at all"}}},
	}
}

func deleteConfirm(root, id string) confirm {
	return confirm{Text: "Delete webhook", Action: root + id + "/delete", Question: "This cannot be undone.", Yes: "Delete it for good", Danger: true}
}

// tokenTable is a list of keys.
type tokenTable struct {
	Root string
	List []webhook.Token
}

func tokensOf(p page, list []webhook.Token) tokenTable { return tokenTable{p.Root, list} }

// tokenKinds are the kinds of keys.
func tokenKinds() []option {
	return []option{{string(webhook.TokenAPIKey), "API key, for programs"}, {string(webhook.TokenPortal), "Portal token, for a page"}}
}
