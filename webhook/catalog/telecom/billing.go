package telecom

import (
	"time"

	"github.com/postrider/postrider/webhook/catalog"
)

func billing(r *catalog.Registry) []error {
	return []error{
		add(r, about{name: "billing.payment_processed", group: "Billing", description: "A payment was made."},
			PaymentProcessed{
				PaymentID:   "pay_90X2",
				CustomerID:  "cus_48213",
				Amount:      4200,
				Currency:    "EUR",
				Method:      "card",
				InvoiceID:   "inv_2026_03_0042",
				ProcessedAt: at,
			}),
		add(r, about{name: "billing.payment_failed", group: "Billing", description: "A payment could not be made."},
			PaymentFailed{
				PaymentID:     "pay_90X3",
				CustomerID:    "cus_48213",
				Amount:        4200,
				Currency:      "EUR",
				Reason:        "declined",
				NextAttemptAt: ptr(after(72 * time.Hour)),
				FailedAt:      at,
			}),
		add(r, about{name: "billing.refund_issued", group: "Billing", description: "Money goes back to a customer."},
			RefundIssued{
				RefundID:   "ref_1AA8",
				PaymentID:  "pay_90X2",
				CustomerID: "cus_48213",
				Amount:     1200,
				Currency:   "EUR",
				Reason:     "request",
				IssuedAt:   at,
			}),
		add(r, about{name: "billing.invoice_generated", group: "Billing", description: "There is a new invoice."},
			InvoiceGenerated{
				InvoiceID:   "inv_2026_03_0042",
				CustomerID:  "cus_48213",
				Amount:      4200,
				Currency:    "EUR",
				Tax:         671,
				DueAt:       after(336 * time.Hour),
				Lines:       []InvoiceLine{{Description: "Fiber 500, March", Quantity: 1, Amount: 4200}},
				GeneratedAt: at,
			}),
		add(r, about{name: "billing.invoice_paid", group: "Billing", description: "An invoice was paid in full."},
			InvoicePaid{
				InvoiceID:  "inv_2026_03_0042",
				CustomerID: "cus_48213",
				Amount:     4200,
				Currency:   "EUR",
				PaymentID:  "pay_90X2",
				PaidAt:     at,
			}),
		add(r, about{name: "billing.invoice_overdue", group: "Billing", description: "An invoice was not paid in time."},
			InvoiceOverdue{
				InvoiceID:   "inv_2026_03_0042",
				CustomerID:  "cus_48213",
				Amount:      4200,
				Currency:    "EUR",
				DaysOverdue: 7,
				Reminders:   1,
				DueAt:       at,
			}),
	}
}

// PaymentProcessed is the payload of billing.payment_processed.
type PaymentProcessed struct {
	PaymentID   string    `json:"payment_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the payment."`
	CustomerID  string    `json:"customer_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the customer."`
	Amount      int64     `json:"amount" jsonschema:"minimum=0" jsonschema_description:"Amount in the smallest unit of the currency, such as cents."`
	Currency    string    `json:"currency" jsonschema:"pattern=^[A-Z]{3}$" jsonschema_description:"Currency of the amount, as in ISO 4217."`
	Method      string    `json:"method" jsonschema:"enum=card,enum=direct_debit,enum=transfer,enum=wallet" jsonschema_description:"How it was paid."`
	InvoiceID   string    `json:"invoice_id,omitempty" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the invoice that it is for."`
	ProcessedAt time.Time `json:"processed_at" jsonschema_description:"When it was made."`
}

// PaymentFailed is the payload of billing.payment_failed.
type PaymentFailed struct {
	PaymentID     string     `json:"payment_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the payment."`
	CustomerID    string     `json:"customer_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the customer."`
	Amount        int64      `json:"amount" jsonschema:"minimum=0" jsonschema_description:"Amount in the smallest unit of the currency, such as cents."`
	Currency      string     `json:"currency" jsonschema:"pattern=^[A-Z]{3}$" jsonschema_description:"Currency of the amount, as in ISO 4217."`
	Reason        string     `json:"reason" jsonschema:"enum=declined,enum=insufficient_funds,enum=expired,enum=fraud,enum=technical" jsonschema_description:"Why it failed."`
	NextAttemptAt *time.Time `json:"next_attempt_at,omitempty" jsonschema_description:"When it is tried again."`
	FailedAt      time.Time  `json:"failed_at" jsonschema_description:"When it failed."`
}

// RefundIssued is the payload of billing.refund_issued.
type RefundIssued struct {
	RefundID   string    `json:"refund_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the refund."`
	PaymentID  string    `json:"payment_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the payment that it is of."`
	CustomerID string    `json:"customer_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the customer."`
	Amount     int64     `json:"amount" jsonschema:"minimum=0" jsonschema_description:"Amount in the smallest unit of the currency, such as cents."`
	Currency   string    `json:"currency" jsonschema:"pattern=^[A-Z]{3}$" jsonschema_description:"Currency of the amount, as in ISO 4217."`
	Reason     string    `json:"reason" jsonschema:"enum=request,enum=duplicate,enum=fault,enum=goodwill" jsonschema_description:"Why."`
	IssuedAt   time.Time `json:"issued_at" jsonschema_description:"When it was issued."`
}

// InvoiceGenerated is the payload of billing.invoice_generated.
type InvoiceGenerated struct {
	InvoiceID   string        `json:"invoice_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the invoice."`
	CustomerID  string        `json:"customer_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the customer."`
	Amount      int64         `json:"amount" jsonschema:"minimum=0" jsonschema_description:"Total in the smallest unit of the currency, taxes included."`
	Currency    string        `json:"currency" jsonschema:"pattern=^[A-Z]{3}$" jsonschema_description:"Currency of the amount, as in ISO 4217."`
	Tax         int64         `json:"tax" jsonschema:"minimum=0" jsonschema_description:"Taxes in the total."`
	DueAt       time.Time     `json:"due_at" jsonschema_description:"When it is to be paid."`
	Lines       []InvoiceLine `json:"lines" jsonschema:"minItems=1" jsonschema_description:"What is charged."`
	GeneratedAt time.Time     `json:"generated_at" jsonschema_description:"When it was made."`
}

// InvoicePaid is the payload of billing.invoice_paid.
type InvoicePaid struct {
	InvoiceID  string    `json:"invoice_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the invoice."`
	CustomerID string    `json:"customer_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the customer."`
	Amount     int64     `json:"amount" jsonschema:"minimum=0" jsonschema_description:"Amount in the smallest unit of the currency, such as cents."`
	Currency   string    `json:"currency" jsonschema:"pattern=^[A-Z]{3}$" jsonschema_description:"Currency of the amount, as in ISO 4217."`
	PaymentID  string    `json:"payment_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the last payment."`
	PaidAt     time.Time `json:"paid_at" jsonschema_description:"When it was paid."`
}

// InvoiceOverdue is the payload of billing.invoice_overdue.
type InvoiceOverdue struct {
	InvoiceID   string    `json:"invoice_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the invoice."`
	CustomerID  string    `json:"customer_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the customer."`
	Amount      int64     `json:"amount" jsonschema:"minimum=0" jsonschema_description:"What is still to be paid."`
	Currency    string    `json:"currency" jsonschema:"pattern=^[A-Z]{3}$" jsonschema_description:"Currency of the amount, as in ISO 4217."`
	DaysOverdue int64     `json:"days_overdue" jsonschema:"minimum=1" jsonschema_description:"How many days ago it was due."`
	Reminders   int64     `json:"reminders" jsonschema:"minimum=0" jsonschema_description:"How many reminders were sent."`
	DueAt       time.Time `json:"due_at" jsonschema_description:"When it was due."`
}

// InvoiceLine is what one line of an invoice charges.
type InvoiceLine struct {
	Description string `json:"description" jsonschema:"minLength=1,maxLength=256" jsonschema_description:"What is charged."`
	Quantity    int64  `json:"quantity" jsonschema:"minimum=1" jsonschema_description:"How many."`
	Amount      int64  `json:"amount" jsonschema:"minimum=0" jsonschema_description:"Amount in the smallest unit of the currency."`
}
