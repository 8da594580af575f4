package dispatcher

import (
	"errors"

	"github.com/postrider/postrider/dispatcher/expression"
	"github.com/postrider/postrider/webhook"
)

// CheckExpressions returns nil if an endpoint's filter and transform can be used, and
// else a *webhook.InvalidError that says where they are wrong. It is for those who
// build on a dispatcher.
func (d *Dispatcher) CheckExpressions(ep *webhook.Endpoint) error {
	var inv webhook.InvalidError
	if ep.Filter != "" {
		_, err := d.expressions.Filter(ep.Filter)
		addExpression(&inv, "filter", webhook.CodeFilterInvalid, webhook.CodeFilterTooCostly, err)
	}
	if ep.Transform != "" {
		_, err := d.expressions.Transform(ep.Transform)
		addExpression(&inv, "transform", webhook.CodeTransformInvalid, webhook.CodeTransformCostly, err)
	}
	return inv.Err()
}

// addExpression adds what is wrong with an expression. An engine of the host's may
// return any error, whose text might repeat what it was given.
func addExpression(inv *webhook.InvalidError, field, invalid, costly string, err error) {
	problem, ok := errors.AsType[*webhook.ExpressionError](err)
	switch {
	case err == nil:
	case errors.Is(err, expression.ErrNoEngine):
		inv.Add(field, invalid, "Expressions are not available: the host has not configured them.")
	case errors.Is(err, webhook.ErrTooCostly):
		inv.Add(field, costly, "Would cost too much time or memory.")
	case ok:
		inv.Add(field, invalid, problem.Error())
	default:
		inv.Add(field, invalid, "Is not a valid expression.")
	}
}
