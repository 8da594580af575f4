package telecom

import (
	"time"

	"github.com/postrider/postrider/webhook/catalog"
)

func voice(r *catalog.Registry) []error {
	return []error{
		add(r, about{name: "voice.initiated", group: "Voice", description: "A call was begun."},
			CallInitiated{
				CallID:      "call_5N8T0W",
				From:        "+4930901820",
				To:          "+491705550142",
				Direction:   "outbound",
				InitiatedAt: at,
			}),
		add(r, about{name: "voice.answered", group: "Voice", description: "A call was answered."},
			CallAnswered{
				CallID:      "call_5N8T0W",
				AnsweredBy:  "human",
				RingSeconds: 8,
				AnsweredAt:  after(8 * time.Second),
			}),
		add(r, about{name: "voice.completed", group: "Voice", description: "A call has ended after it was answered."},
			CallCompleted{
				CallID:          "call_5N8T0W",
				DurationSeconds: 184,
				Hangup:          "caller",
				RecordingID:     "rec_02B7",
				Quality:         ptr(4.3),
				CompletedAt:     after(192 * time.Second),
			}),
		add(r, about{name: "voice.failed", group: "Voice", description: "A call was not answered."},
			CallFailed{
				CallID:   "call_5N8T0W",
				To:       "+491705550142",
				Reason:   "no_answer",
				SIPCode:  ptr(int64(486)),
				FailedAt: after(time.Minute),
			}),
	}
}

// CallInitiated is the payload of voice.initiated.
type CallInitiated struct {
	CallID      string    `json:"call_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the call."`
	From        string    `json:"from" jsonschema:"pattern=^\\+[1-9][0-9]+$,minLength=8,maxLength=16" jsonschema_description:"Number of the caller."`
	To          string    `json:"to" jsonschema:"pattern=^\\+[1-9][0-9]+$,minLength=8,maxLength=16" jsonschema_description:"Number that is called."`
	Direction   string    `json:"direction" jsonschema:"enum=outbound,enum=inbound" jsonschema_description:"Who calls."`
	InitiatedAt time.Time `json:"initiated_at" jsonschema_description:"When it was begun."`
}

// CallAnswered is the payload of voice.answered.
type CallAnswered struct {
	CallID      string    `json:"call_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the call."`
	AnsweredBy  string    `json:"answered_by" jsonschema:"enum=human,enum=machine,enum=unknown" jsonschema_description:"Who answered."`
	RingSeconds int64     `json:"ring_seconds" jsonschema:"minimum=0" jsonschema_description:"How long it rang."`
	AnsweredAt  time.Time `json:"answered_at" jsonschema_description:"When it was answered."`
}

// CallCompleted is the payload of voice.completed.
type CallCompleted struct {
	CallID          string    `json:"call_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the call."`
	DurationSeconds int64     `json:"duration_seconds" jsonschema:"minimum=0" jsonschema_description:"How long it took."`
	Hangup          string    `json:"hangup" jsonschema:"enum=caller,enum=callee,enum=system" jsonschema_description:"Who ended it."`
	RecordingID     string    `json:"recording_id,omitempty" jsonschema:"maxLength=64" jsonschema_description:"Id of the recording, if there is one."`
	Quality         *float64  `json:"quality,omitempty" jsonschema:"minimum=1,maximum=5" jsonschema_description:"How well it was heard, from 1 to 5."`
	CompletedAt     time.Time `json:"completed_at" jsonschema_description:"When it ended."`
}

// CallFailed is the payload of voice.failed.
type CallFailed struct {
	CallID   string    `json:"call_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the call."`
	To       string    `json:"to" jsonschema:"pattern=^\\+[1-9][0-9]+$,minLength=8,maxLength=16" jsonschema_description:"Number that was called."`
	Reason   string    `json:"reason" jsonschema:"enum=busy,enum=no_answer,enum=rejected,enum=invalid_number,enum=network" jsonschema_description:"Why."`
	SIPCode  *int64    `json:"sip_code,omitempty" jsonschema:"minimum=100" jsonschema_description:"Code of the network, as in SIP."`
	FailedAt time.Time `json:"failed_at" jsonschema_description:"When it was given up."`
}
