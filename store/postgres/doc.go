// Package postgres keeps events and deliveries in PostgreSQL.
package postgres
