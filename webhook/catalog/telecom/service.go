package telecom

import (
	"time"

	"github.com/postrider/postrider/webhook/catalog"
)

func services(r *catalog.Registry) []error {
	return []error{
		add(r, about{name: "service.ordered", group: "Services", description: "A customer has ordered a service."},
			ServiceOrdered{
				OrderID:    "ord_77120",
				CustomerID: "cus_48213",
				Plan:       "fiber-500",
				OrderedAt:  at,
			}),
		add(r, about{name: "service.activated", group: "Services", description: "A service works for its customer."},
			ServiceActivated{
				ServiceID:   "svc_fiber_0192",
				CustomerID:  "cus_48213",
				Plan:        "fiber-500",
				ActivatedAt: at,
				TrialEndsAt: ptr(after(720 * time.Hour)),
			}),
		add(r, about{name: "service.suspended", group: "Services", description: "A service does not work for the time being."},
			ServiceSuspended{
				ServiceID:   "svc_fiber_0192",
				CustomerID:  "cus_48213",
				Reason:      "payment",
				Reversible:  true,
				SuspendedAt: at,
			}),
		add(r, about{name: "service.resumed", group: "Services", description: "A suspended service works again."},
			ServiceResumed{
				ServiceID:        "svc_fiber_0192",
				CustomerID:       "cus_48213",
				Reason:           "payment",
				SuspendedSeconds: 86400,
				ResumedAt:        at,
			}),
		add(r, about{name: "service.changed", group: "Services", description: "A customer has another plan or other options."},
			ServiceChanged{
				ServiceID:   "svc_fiber_0192",
				CustomerID:  "cus_48213",
				FromPlan:    "fiber-250",
				ToPlan:      "fiber-500",
				Direction:   "upgrade",
				EffectiveAt: after(24 * time.Hour),
			}),
		add(r, about{name: "service.terminated", group: "Services", description: "A service has ended for good."},
			ServiceTerminated{
				ServiceID:    "svc_fiber_0192",
				CustomerID:   "cus_48213",
				Reason:       "customer",
				FinalInvoice: true,
				TerminatedAt: at,
			}),
	}
}

// ServiceOrdered is the payload of service.ordered.
type ServiceOrdered struct {
	OrderID    string    `json:"order_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the order."`
	CustomerID string    `json:"customer_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the customer."`
	Plan       string    `json:"plan" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Plan that was ordered."`
	OrderedAt  time.Time `json:"ordered_at" jsonschema_description:"When it was ordered."`
}

// ServiceActivated is the payload of service.activated.
type ServiceActivated struct {
	ServiceID   string     `json:"service_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the service."`
	CustomerID  string     `json:"customer_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the customer."`
	Plan        string     `json:"plan" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Plan of the service."`
	ActivatedAt time.Time  `json:"activated_at" jsonschema_description:"When it began to work."`
	TrialEndsAt *time.Time `json:"trial_ends_at,omitempty" jsonschema_description:"When a trial ends."`
}

// ServiceSuspended is the payload of service.suspended.
type ServiceSuspended struct {
	ServiceID   string    `json:"service_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the service."`
	CustomerID  string    `json:"customer_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the customer."`
	Reason      string    `json:"reason" jsonschema:"enum=payment,enum=abuse,enum=customer,enum=maintenance" jsonschema_description:"Why it was suspended."`
	Reversible  bool      `json:"reversible" jsonschema_description:"Whether it can be resumed."`
	SuspendedAt time.Time `json:"suspended_at" jsonschema_description:"When it was suspended."`
}

// ServiceResumed is the payload of service.resumed.
type ServiceResumed struct {
	ServiceID        string    `json:"service_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the service."`
	CustomerID       string    `json:"customer_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the customer."`
	Reason           string    `json:"reason" jsonschema:"enum=payment,enum=customer,enum=administrator" jsonschema_description:"Why it was resumed."`
	SuspendedSeconds int64     `json:"suspended_seconds" jsonschema:"minimum=0" jsonschema_description:"How long it was suspended."`
	ResumedAt        time.Time `json:"resumed_at" jsonschema_description:"When it was resumed."`
}

// ServiceChanged is the payload of service.changed.
type ServiceChanged struct {
	ServiceID   string    `json:"service_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the service."`
	CustomerID  string    `json:"customer_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the customer."`
	FromPlan    string    `json:"from_plan" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Plan before."`
	ToPlan      string    `json:"to_plan" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Plan now."`
	Direction   string    `json:"direction" jsonschema:"enum=upgrade,enum=downgrade,enum=same" jsonschema_description:"Whether it is more or less than before."`
	EffectiveAt time.Time `json:"effective_at" jsonschema_description:"When the change takes effect."`
}

// ServiceTerminated is the payload of service.terminated.
type ServiceTerminated struct {
	ServiceID    string    `json:"service_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the service."`
	CustomerID   string    `json:"customer_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the customer."`
	Reason       string    `json:"reason" jsonschema:"enum=customer,enum=payment,enum=expired,enum=provider" jsonschema_description:"Why it ended."`
	FinalInvoice bool      `json:"final_invoice" jsonschema_description:"Whether one more invoice comes."`
	TerminatedAt time.Time `json:"terminated_at" jsonschema_description:"When it ended."`
}
