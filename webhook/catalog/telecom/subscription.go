package telecom

import (
	"time"

	"github.com/postrider/postrider/webhook/catalog"
)

func subscriptions(r *catalog.Registry) []error {
	return []error{
		add(r, about{name: "subscription.created", group: "Subscriptions", description: "A customer has subscribed to a plan."},
			SubscriptionCreated{
				SubscriptionID:   "sub_92K1",
				CustomerID:       "cus_48213",
				Plan:             "business-pro",
				Interval:         "month",
				CurrentPeriodEnd: after(744 * time.Hour),
				CreatedAt:        at,
			}),
		add(r, about{name: "subscription.renewed", group: "Subscriptions", description: "A subscription goes on for another period."},
			SubscriptionRenewed{
				SubscriptionID: "sub_92K1",
				CustomerID:     "cus_48213",
				Plan:           "business-pro",
				PeriodStart:    at,
				PeriodEnd:      after(744 * time.Hour),
				InvoiceID:      "inv_2026_03_0042",
			}),
		add(r, about{name: "subscription.trial_ending", group: "Subscriptions", description: "A trial ends soon."},
			SubscriptionTrialEnding{
				SubscriptionID: "sub_92K1",
				CustomerID:     "cus_48213",
				Plan:           "business-pro",
				DaysLeft:       3,
				TrialEndsAt:    after(72 * time.Hour),
			}),
		add(r, about{name: "subscription.canceled", group: "Subscriptions", description: "A subscription ends."},
			SubscriptionCanceled{
				SubscriptionID: "sub_92K1",
				CustomerID:     "cus_48213",
				Reason:         "customer",
				AtPeriodEnd:    true,
				EndsAt:         after(240 * time.Hour),
			}),
	}
}

// SubscriptionCreated is the payload of subscription.created.
type SubscriptionCreated struct {
	SubscriptionID   string    `json:"subscription_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the subscription."`
	CustomerID       string    `json:"customer_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the customer."`
	Plan             string    `json:"plan" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Plan that was subscribed to."`
	Interval         string    `json:"interval" jsonschema:"enum=month,enum=year" jsonschema_description:"How often it is charged."`
	CurrentPeriodEnd time.Time `json:"current_period_end" jsonschema_description:"When it is charged next."`
	CreatedAt        time.Time `json:"created_at" jsonschema_description:"When it began."`
}

// SubscriptionRenewed is the payload of subscription.renewed.
type SubscriptionRenewed struct {
	SubscriptionID string    `json:"subscription_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the subscription."`
	CustomerID     string    `json:"customer_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the customer."`
	Plan           string    `json:"plan" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Plan of the subscription."`
	PeriodStart    time.Time `json:"period_start" jsonschema_description:"When the new period begins."`
	PeriodEnd      time.Time `json:"period_end" jsonschema_description:"When it ends."`
	InvoiceID      string    `json:"invoice_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the invoice."`
}

// SubscriptionTrialEnding is the payload of subscription.trial_ending.
type SubscriptionTrialEnding struct {
	SubscriptionID string    `json:"subscription_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the subscription."`
	CustomerID     string    `json:"customer_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the customer."`
	Plan           string    `json:"plan" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Plan after the trial."`
	DaysLeft       int64     `json:"days_left" jsonschema:"minimum=0" jsonschema_description:"How many days are left."`
	TrialEndsAt    time.Time `json:"trial_ends_at" jsonschema_description:"When it ends."`
}

// SubscriptionCanceled is the payload of subscription.canceled.
type SubscriptionCanceled struct {
	SubscriptionID string    `json:"subscription_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the subscription."`
	CustomerID     string    `json:"customer_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the customer."`
	Reason         string    `json:"reason" jsonschema:"enum=customer,enum=payment,enum=provider" jsonschema_description:"Why it ends."`
	AtPeriodEnd    bool      `json:"at_period_end" jsonschema_description:"Whether what was paid for can still be used."`
	EndsAt         time.Time `json:"ends_at" jsonschema_description:"When it ends."`
}
