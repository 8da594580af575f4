package telecom

import (
	"time"

	"github.com/postrider/postrider/webhook/catalog"
)

func users(r *catalog.Registry) []error {
	return []error{
		add(r, about{name: "user.registered", group: "Users", description: "A person has opened an account."},
			UserRegistered{
				UserID:       "usr_7Q2M4K",
				Email:        "jane.doe@example.com",
				Method:       "password",
				Locale:       "de-DE",
				RegisteredAt: at,
			}),
		add(r, about{name: "user.verified", group: "Users", description: "A person has proved that an address is theirs."},
			UserVerified{
				UserID:     "usr_7Q2M4K",
				Channel:    "email",
				Address:    "jane.doe@example.com",
				VerifiedAt: at,
			}),
		add(r, about{name: "user.logged_in", group: "Users", description: "A person has logged in."},
			UserLoggedIn{
				UserID:       "usr_7Q2M4K",
				SessionID:    "ses_A81C",
				Method:       "password",
				SecondFactor: true,
				IPAddress:    "203.0.113.24",
				UserAgent:    "Mozilla/5.0",
				LoggedInAt:   at,
			}),
		add(r, about{name: "user.logged_out", group: "Users", description: "A session of a person has ended."},
			UserLoggedOut{
				UserID:      "usr_7Q2M4K",
				SessionID:   "ses_A81C",
				Reason:      "user",
				LoggedOutAt: after(time.Hour),
			}),
		add(r, about{name: "user.profile_changed", group: "Users", description: "Somebody has changed the profile of a person."},
			UserProfileChanged{
				UserID:        "usr_7Q2M4K",
				ChangedFields: []string{"display_name", "phone"},
				ChangedBy:     "usr_7Q2M4K",
				ChangedAt:     at,
			}),
		add(r, about{name: "user.password_changed", group: "Users", description: "A person has a new password."},
			UserPasswordChanged{
				UserID:        "usr_7Q2M4K",
				Cause:         "user",
				SessionsEnded: true,
				ChangedAt:     at,
			}),
		add(r, about{name: "user.deactivated", group: "Users", description: "An account was closed or locked."},
			UserDeactivated{
				UserID:        "usr_7Q2M4K",
				Reason:        "user",
				DeactivatedBy: "usr_ADMIN1",
				DeactivatedAt: at,
			}),
	}
}

// UserRegistered is the payload of user.registered.
type UserRegistered struct {
	UserID       string    `json:"user_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the user."`
	Email        string    `json:"email" jsonschema:"format=email,maxLength=254" jsonschema_description:"Address that the person signed up with."`
	Method       string    `json:"method" jsonschema:"enum=password,enum=google,enum=microsoft,enum=saml,enum=invitation" jsonschema_description:"How the person signed up."`
	Locale       string    `json:"locale" jsonschema:"minLength=1,maxLength=35" jsonschema_description:"Language of the person, as in BCP 47."`
	RegisteredAt time.Time `json:"registered_at" jsonschema_description:"When the account was opened."`
}

// UserVerified is the payload of user.verified.
type UserVerified struct {
	UserID     string    `json:"user_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the user."`
	Channel    string    `json:"channel" jsonschema:"enum=email,enum=phone" jsonschema_description:"What was proved."`
	Address    string    `json:"address" jsonschema:"minLength=1,maxLength=254" jsonschema_description:"Address or number that was proved."`
	VerifiedAt time.Time `json:"verified_at" jsonschema_description:"When it was proved."`
}

// UserLoggedIn is the payload of user.logged_in.
type UserLoggedIn struct {
	UserID       string    `json:"user_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the user."`
	SessionID    string    `json:"session_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the session."`
	Method       string    `json:"method" jsonschema:"enum=password,enum=sso,enum=passkey" jsonschema_description:"How the person proved who it is."`
	SecondFactor bool      `json:"second_factor" jsonschema_description:"Whether a second factor was asked for."`
	IPAddress    string    `json:"ip_address,omitempty" jsonschema:"format=ipv4" jsonschema_description:"Address of the client."`
	UserAgent    string    `json:"user_agent,omitempty" jsonschema:"maxLength=512" jsonschema_description:"Software of the client."`
	LoggedInAt   time.Time `json:"logged_in_at" jsonschema_description:"When the session began."`
}

// UserLoggedOut is the payload of user.logged_out.
type UserLoggedOut struct {
	UserID      string    `json:"user_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the user."`
	SessionID   string    `json:"session_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the session."`
	Reason      string    `json:"reason" jsonschema:"enum=user,enum=timeout,enum=revoked" jsonschema_description:"Why it ended."`
	LoggedOutAt time.Time `json:"logged_out_at" jsonschema_description:"When it ended."`
}

// UserProfileChanged is the payload of user.profile_changed.
type UserProfileChanged struct {
	UserID        string    `json:"user_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the user."`
	ChangedFields []string  `json:"changed_fields" jsonschema:"minItems=1" jsonschema_description:"Names of the fields that are different."`
	ChangedBy     string    `json:"changed_by" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of who changed it."`
	ChangedAt     time.Time `json:"changed_at" jsonschema_description:"When it was changed."`
}

// UserPasswordChanged is the payload of user.password_changed.
type UserPasswordChanged struct {
	UserID        string    `json:"user_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the user."`
	Cause         string    `json:"cause" jsonschema:"enum=user,enum=reset,enum=administrator" jsonschema_description:"Why it was changed."`
	SessionsEnded bool      `json:"sessions_ended" jsonschema_description:"Whether all other sessions were ended."`
	ChangedAt     time.Time `json:"changed_at" jsonschema_description:"When it was changed."`
}

// UserDeactivated is the payload of user.deactivated.
type UserDeactivated struct {
	UserID        string    `json:"user_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the user."`
	Reason        string    `json:"reason" jsonschema:"enum=user,enum=administrator,enum=fraud,enum=inactivity" jsonschema_description:"Why it was closed."`
	DeactivatedBy string    `json:"deactivated_by" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of who closed it."`
	DeactivatedAt time.Time `json:"deactivated_at" jsonschema_description:"When it was closed."`
}
