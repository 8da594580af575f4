package schema

import (
	"errors"

	"github.com/postrider/postrider/webhook"
)

// CheckType returns what is wrong with an event type, also with its last schema, and
// whether its example matches that: a *webhook.InvalidError, or nil.
func CheckType(t webhook.EventType) error {
	var inv webhook.InvalidError
	add := func(err error) {
		var more *webhook.InvalidError
		if errors.As(err, &more) {
			inv.Fields = append(inv.Fields, more.Fields...)
		}
	}
	add(t.Validate())
	text := t.Schema()
	if len(inv.Fields) > 0 || text == nil {
		return inv.Err()
	}
	s, err := Compile(text)
	if err != nil {
		return err
	}
	if len(t.Example) > 0 {
		for _, v := range s.Validate(t.Example) {
			inv.Add("example"+v.Pointer, webhook.CodePayloadInvalid, v.Message)
		}
	}
	return inv.Err()
}
