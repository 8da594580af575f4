package telecom

import (
	"time"

	"github.com/postrider/postrider/webhook/catalog"
)

func email(r *catalog.Registry) []error {
	return []error{
		add(r, about{name: "email.sent", group: "Email", description: "A mail was handed over to the receiver's server.", redact: []string{"/subject"}},
			EmailSent{
				MessageID:  "msg_01J9ZD9V3K",
				From:       "news@example.com",
				To:         "jane.doe@example.com",
				Subject:    "Your invoice for March",
				TemplateID: "tpl_invoice",
				SentAt:     at,
			}),
		add(r, about{name: "email.delivered", group: "Email", description: "The receiver's server has taken a mail."},
			EmailDelivered{
				MessageID:   "msg_01J9ZD9V3K",
				To:          "jane.doe@example.com",
				Server:      "mx1.example.com",
				LatencyMS:   860,
				DeliveredAt: at,
			}),
		add(r, about{name: "email.bounced", group: "Email", description: "A mail will not arrive."},
			EmailBounced{
				MessageID:  "msg_01J9ZD9V3K",
				To:         "jane.doe@example.com",
				Kind:       "permanent",
				StatusCode: "5.1.1",
				Diagnostic: "550 no such user",
				BouncedAt:  at,
			}),
		add(r, about{name: "email.opened", group: "Email", description: "Somebody has looked at a mail, as far as that can be known."},
			EmailOpened{
				MessageID: "msg_01J9ZD9V3K",
				To:        "jane.doe@example.com",
				First:     true,
				UserAgent: "Mozilla/5.0",
				OpenedAt:  at,
			}),
		add(r, about{name: "email.complained", group: "Email", description: "A receiver calls a mail unwanted."},
			EmailComplained{
				MessageID:    "msg_01J9ZD9V3K",
				To:           "jane.doe@example.com",
				Source:       "feedback_loop",
				Suppressed:   true,
				ComplainedAt: at,
			}),
	}
}

// EmailSent is the payload of email.sent.
type EmailSent struct {
	MessageID  string    `json:"message_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the message."`
	From       string    `json:"from" jsonschema:"format=email,maxLength=254" jsonschema_description:"Address of the sender."`
	To         string    `json:"to" jsonschema:"format=email,maxLength=254" jsonschema_description:"Address of the receiver."`
	Subject    string    `json:"subject" jsonschema:"maxLength=998" jsonschema_description:"Subject line."`
	TemplateID string    `json:"template_id,omitempty" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the template."`
	SentAt     time.Time `json:"sent_at" jsonschema_description:"When it was handed over."`
}

// EmailDelivered is the payload of email.delivered.
type EmailDelivered struct {
	MessageID   string    `json:"message_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the message."`
	To          string    `json:"to" jsonschema:"format=email,maxLength=254" jsonschema_description:"Address of the receiver."`
	Server      string    `json:"server" jsonschema:"minLength=1,maxLength=253" jsonschema_description:"Server that took it."`
	LatencyMS   int64     `json:"latency_ms" jsonschema:"minimum=0" jsonschema_description:"How long it took, in milliseconds."`
	DeliveredAt time.Time `json:"delivered_at" jsonschema_description:"When it was taken."`
}

// EmailBounced is the payload of email.bounced.
type EmailBounced struct {
	MessageID  string    `json:"message_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the message."`
	To         string    `json:"to" jsonschema:"format=email,maxLength=254" jsonschema_description:"Address of the receiver."`
	Kind       string    `json:"kind" jsonschema:"enum=permanent,enum=transient" jsonschema_description:"Whether it would fail again."`
	StatusCode string    `json:"status_code" jsonschema:"pattern=^[245]\\.[0-9]+\\.[0-9]+$" jsonschema_description:"Status, as in RFC 3463."`
	Diagnostic string    `json:"diagnostic,omitempty" jsonschema:"maxLength=512" jsonschema_description:"What the server says."`
	BouncedAt  time.Time `json:"bounced_at" jsonschema_description:"When it came back."`
}

// EmailOpened is the payload of email.opened.
type EmailOpened struct {
	MessageID string    `json:"message_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the message."`
	To        string    `json:"to" jsonschema:"format=email,maxLength=254" jsonschema_description:"Address of the receiver."`
	First     bool      `json:"first" jsonschema_description:"Whether it is the first time."`
	UserAgent string    `json:"user_agent,omitempty" jsonschema:"maxLength=512" jsonschema_description:"Software of the client."`
	OpenedAt  time.Time `json:"opened_at" jsonschema_description:"When."`
}

// EmailComplained is the payload of email.complained.
type EmailComplained struct {
	MessageID    string    `json:"message_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the message."`
	To           string    `json:"to" jsonschema:"format=email,maxLength=254" jsonschema_description:"Address of the receiver."`
	Source       string    `json:"source" jsonschema:"enum=feedback_loop,enum=unsubscribe_link,enum=postmaster" jsonschema_description:"Where it was said."`
	Suppressed   bool      `json:"suppressed" jsonschema_description:"Whether the address gets no more mail."`
	ComplainedAt time.Time `json:"complained_at" jsonschema_description:"When."`
}
