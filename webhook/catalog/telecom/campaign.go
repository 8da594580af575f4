package telecom

import (
	"time"

	"github.com/postrider/postrider/webhook/catalog"
)

func campaigns(r *catalog.Registry) []error {
	return []error{
		add(r, about{name: "campaign.started", group: "Campaigns", description: "A campaign has begun to send."},
			CampaignStarted{
				CampaignID: "cmp_spring_26",
				Name:       "Spring 2026",
				Channel:    "sms",
				Recipients: 12500,
				StartedAt:  at,
			}),
		add(r, about{name: "campaign.paused", group: "Campaigns", description: "A campaign sends nothing for the time being."},
			CampaignPaused{
				CampaignID: "cmp_spring_26",
				Reason:     "user",
				Sent:       4100,
				Remaining:  8400,
				PausedAt:   after(time.Hour),
			}),
		add(r, about{name: "campaign.resumed", group: "Campaigns", description: "A paused campaign sends again."},
			CampaignResumed{
				CampaignID: "cmp_spring_26",
				ResumedBy:  "usr_7Q2M4K",
				Remaining:  8400,
				ResumedAt:  after(2 * time.Hour),
			}),
		add(r, about{name: "campaign.completed", group: "Campaigns", description: "A campaign has sent all there was to send."},
			CampaignCompleted{
				CampaignID:   "cmp_spring_26",
				Sent:         12500,
				Delivered:    12110,
				Failed:       390,
				Unsubscribed: 21,
				CompletedAt:  after(6 * time.Hour),
			}),
		add(r, about{name: "campaign.failed", group: "Campaigns", description: "A campaign was given up."},
			CampaignFailed{
				CampaignID: "cmp_spring_26",
				Reason:     "no_credit",
				Sent:       0,
				Message:    "The account has no credit.",
				FailedAt:   at,
			}),
	}
}

// CampaignStarted is the payload of campaign.started.
type CampaignStarted struct {
	CampaignID string    `json:"campaign_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the campaign."`
	Name       string    `json:"name" jsonschema:"minLength=1,maxLength=128" jsonschema_description:"Name of the campaign."`
	Channel    string    `json:"channel" jsonschema:"enum=sms,enum=email,enum=voice,enum=push" jsonschema_description:"How it is sent."`
	Recipients int64     `json:"recipients" jsonschema:"minimum=1" jsonschema_description:"How many people it is for."`
	StartedAt  time.Time `json:"started_at" jsonschema_description:"When it began."`
}

// CampaignPaused is the payload of campaign.paused.
type CampaignPaused struct {
	CampaignID string    `json:"campaign_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the campaign."`
	Reason     string    `json:"reason" jsonschema:"enum=user,enum=budget,enum=complaints,enum=error" jsonschema_description:"Why."`
	Sent       int64     `json:"sent" jsonschema:"minimum=0" jsonschema_description:"How many were sent until then."`
	Remaining  int64     `json:"remaining" jsonschema:"minimum=0" jsonschema_description:"How many are left."`
	PausedAt   time.Time `json:"paused_at" jsonschema_description:"When it was paused."`
}

// CampaignResumed is the payload of campaign.resumed.
type CampaignResumed struct {
	CampaignID string    `json:"campaign_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the campaign."`
	ResumedBy  string    `json:"resumed_by" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of who resumed it."`
	Remaining  int64     `json:"remaining" jsonschema:"minimum=0" jsonschema_description:"How many are left."`
	ResumedAt  time.Time `json:"resumed_at" jsonschema_description:"When."`
}

// CampaignCompleted is the payload of campaign.completed.
type CampaignCompleted struct {
	CampaignID   string    `json:"campaign_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the campaign."`
	Sent         int64     `json:"sent" jsonschema:"minimum=0" jsonschema_description:"How many were sent."`
	Delivered    int64     `json:"delivered" jsonschema:"minimum=0" jsonschema_description:"How many have arrived."`
	Failed       int64     `json:"failed" jsonschema:"minimum=0" jsonschema_description:"How many have failed."`
	Unsubscribed int64     `json:"unsubscribed" jsonschema:"minimum=0" jsonschema_description:"How many want no more."`
	CompletedAt  time.Time `json:"completed_at" jsonschema_description:"When the last one was sent."`
}

// CampaignFailed is the payload of campaign.failed.
type CampaignFailed struct {
	CampaignID string    `json:"campaign_id" jsonschema:"minLength=1,maxLength=64" jsonschema_description:"Id of the campaign."`
	Reason     string    `json:"reason" jsonschema:"enum=no_recipients,enum=no_credit,enum=rejected,enum=error" jsonschema_description:"Why."`
	Sent       int64     `json:"sent" jsonschema:"minimum=0" jsonschema_description:"How many were sent until then."`
	Message    string    `json:"message,omitempty" jsonschema:"maxLength=512" jsonschema_description:"What people should know."`
	FailedAt   time.Time `json:"failed_at" jsonschema_description:"When."`
}
