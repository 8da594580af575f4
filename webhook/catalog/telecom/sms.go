package telecom

import (
	"time"

	"github.com/postrider/postrider/webhook/catalog"
)

func sms(r *catalog.Registry) []error {
	return []error{
		add(r, about{name: "sms.sent", group: "SMS", description: "A text message was handed over to the network.", redact: []string{"/text"}},
			SMSSent{
				MessageID:  "msg_01J9ZD9V3K",
				From:       "+4930901820",
				To:         "+491705550142",
				Text:       "Your code is 000000.",
				Segments:   1,
				CampaignID: "cmp_spring_26",
				SentAt:     at,
			}),
		add(r, about{name: "sms.delivered", group: "SMS", description: "A text message has reached a telephone."},
			SMSDelivered{
				MessageID:   "msg_01J9ZD9V3K",
				To:          "+491705550142",
				Operator:    "Example Mobile",
				LatencyMS:   2140,
				DeliveredAt: at,
			}),
		add(r, about{name: "sms.failed", group: "SMS", description: "A text message will not arrive."},
			SMSFailed{
				MessageID:    "msg_01J9ZD9V3K",
				To:           "+491705550142",
				ErrorCode:    "unknown_number",
				Permanent:    true,
				ErrorMessage: "absent subscriber",
				FailedAt:     at,
			}),
		add(r, about{name: "sms.received", group: "SMS", description: "A text message has come in.", redact: []string{"/text"}},
			SMSReceived{
				MessageID:  "msg_01J9ZD9V3K",
				From:       "+491705550142",
				To:         "+4930901820",
				Text:       "STOP",
				ReceivedAt: at,
			}),
	}
}

// SMSSent is the payload of sms.sent.
type SMSSent struct {
	MessageID  string    `json:"message_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the message."`
	From       string    `json:"from" jsonschema:"pattern=^\\+[1-9][0-9]+$,minLength=8,maxLength=16" jsonschema_description:"Number of the sender."`
	To         string    `json:"to" jsonschema:"pattern=^\\+[1-9][0-9]+$,minLength=8,maxLength=16" jsonschema_description:"Number of the receiver."`
	Text       string    `json:"text,omitempty" jsonschema:"maxLength=1600" jsonschema_description:"The message."`
	Segments   int64     `json:"segments" jsonschema:"minimum=1" jsonschema_description:"In how many parts it is sent."`
	CampaignID string    `json:"campaign_id,omitempty" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the campaign that it is part of."`
	SentAt     time.Time `json:"sent_at" jsonschema_description:"When it was handed over."`
}

// SMSDelivered is the payload of sms.delivered.
type SMSDelivered struct {
	MessageID   string    `json:"message_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the message."`
	To          string    `json:"to" jsonschema:"pattern=^\\+[1-9][0-9]+$,minLength=8,maxLength=16" jsonschema_description:"Number of the receiver."`
	Operator    string    `json:"operator" jsonschema:"minLength=1,maxLength=128" jsonschema_description:"Network of the receiver."`
	LatencyMS   int64     `json:"latency_ms" jsonschema:"minimum=0" jsonschema_description:"How long it took, in milliseconds."`
	DeliveredAt time.Time `json:"delivered_at" jsonschema_description:"When it arrived."`
}

// SMSFailed is the payload of sms.failed.
type SMSFailed struct {
	MessageID    string    `json:"message_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the message."`
	To           string    `json:"to" jsonschema:"pattern=^\\+[1-9][0-9]+$,minLength=8,maxLength=16" jsonschema_description:"Number of the receiver."`
	ErrorCode    string    `json:"error_code" jsonschema:"enum=unreachable,enum=unknown_number,enum=blocked,enum=expired,enum=rejected" jsonschema_description:"Why it failed."`
	Permanent    bool      `json:"permanent" jsonschema_description:"Whether it would fail again."`
	ErrorMessage string    `json:"error_message,omitempty" jsonschema:"maxLength=256" jsonschema_description:"What the network says."`
	FailedAt     time.Time `json:"failed_at" jsonschema_description:"When it was given up."`
}

// SMSReceived is the payload of sms.received.
type SMSReceived struct {
	MessageID  string    `json:"message_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the message."`
	From       string    `json:"from" jsonschema:"pattern=^\\+[1-9][0-9]+$,minLength=8,maxLength=16" jsonschema_description:"Number of the sender."`
	To         string    `json:"to" jsonschema:"pattern=^\\+[1-9][0-9]+$,minLength=8,maxLength=16" jsonschema_description:"Number of the receiver."`
	Text       string    `json:"text" jsonschema:"maxLength=1600" jsonschema_description:"The message."`
	ReceivedAt time.Time `json:"received_at" jsonschema_description:"When it came in."`
}
