package telecom

import (
	"time"

	"github.com/postrider/postrider/webhook/catalog"
)

func numbers(r *catalog.Registry) []error {
	return []error{
		add(r, about{name: "number.assigned", group: "Numbers", description: "A telephone number belongs to a customer."},
			NumberAssigned{
				Number:       "+4930901820",
				CustomerID:   "cus_48213",
				Kind:         "local",
				Capabilities: []string{"voice", "sms"},
				AssignedAt:   at,
			}),
		add(r, about{name: "number.released", group: "Numbers", description: "A telephone number is free again."},
			NumberReleased{
				Number:     "+4930901820",
				CustomerID: "cus_48213",
				Reason:     "customer",
				ReleasedAt: at,
			}),
		add(r, about{name: "number.ported", group: "Numbers", description: "A telephone number has moved to or from another operator."},
			NumberPorted{
				Number:        "+4930901820",
				CustomerID:    "cus_48213",
				Direction:     "in",
				OtherOperator: "Example Telecom",
				PortedAt:      at,
			}),
	}
}

// NumberAssigned is the payload of number.assigned.
type NumberAssigned struct {
	Number       string    `json:"number" jsonschema:"pattern=^\\+[1-9][0-9]+$,minLength=8,maxLength=16" jsonschema_description:"The number, as in E.164."`
	CustomerID   string    `json:"customer_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the customer."`
	Kind         string    `json:"kind" jsonschema:"enum=local,enum=mobile,enum=toll_free,enum=short_code" jsonschema_description:"Kind of the number."`
	Capabilities []string  `json:"capabilities" jsonschema:"minItems=1" jsonschema_description:"What it can be used for."`
	AssignedAt   time.Time `json:"assigned_at" jsonschema_description:"When it was assigned."`
}

// NumberReleased is the payload of number.released.
type NumberReleased struct {
	Number     string    `json:"number" jsonschema:"pattern=^\\+[1-9][0-9]+$,minLength=8,maxLength=16" jsonschema_description:"The number, as in E.164."`
	CustomerID string    `json:"customer_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the customer."`
	Reason     string    `json:"reason" jsonschema:"enum=customer,enum=ported,enum=expired" jsonschema_description:"Why it was released."`
	ReleasedAt time.Time `json:"released_at" jsonschema_description:"When it was released."`
}

// NumberPorted is the payload of number.ported.
type NumberPorted struct {
	Number        string    `json:"number" jsonschema:"pattern=^\\+[1-9][0-9]+$,minLength=8,maxLength=16" jsonschema_description:"The number, as in E.164."`
	CustomerID    string    `json:"customer_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the customer."`
	Direction     string    `json:"direction" jsonschema:"enum=in,enum=out" jsonschema_description:"Where it has moved."`
	OtherOperator string    `json:"other_operator" jsonschema:"minLength=1,maxLength=128" jsonschema_description:"Operator at the other end."`
	PortedAt      time.Time `json:"ported_at" jsonschema_description:"When it moved."`
}
