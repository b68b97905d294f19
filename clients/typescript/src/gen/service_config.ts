// From clients/service_config.json, by `make generate`.
export default {
  "methodConfig": [
    {
      "name": [
        { "service": "mailwright.v1.AdminAPI" },
        { "service": "mailwright.v1.MailAPI" }
      ],
      "waitForReady": true
    },
    {
      "name": [
        { "service": "mailwright.v1.AdminAPI", "method": "GetService" },
        { "service": "mailwright.v1.AdminAPI", "method": "ListServices" },
        { "service": "mailwright.v1.AdminAPI", "method": "SuspendService" },
        { "service": "mailwright.v1.AdminAPI", "method": "ResumeService" },
        { "service": "mailwright.v1.AdminAPI", "method": "BeginAuthorize" },
        { "service": "mailwright.v1.AdminAPI", "method": "RevokeAuthorization" },
        { "service": "mailwright.v1.AdminAPI", "method": "ListAccessKeys" },
        { "service": "mailwright.v1.AdminAPI", "method": "RevokeAccessKey" },
        { "service": "mailwright.v1.AdminAPI", "method": "GetServerInfo" },
        { "service": "mailwright.v1.MailAPI", "method": "GetMessage" },
        { "service": "mailwright.v1.MailAPI", "method": "ListMessages" },
        { "service": "mailwright.v1.MailAPI", "method": "CancelMessage" },
        { "service": "mailwright.v1.MailAPI", "method": "ResolveMessage" }
      ],
      "waitForReady": true,
      "retryPolicy": {
        "maxAttempts": 5,
        "initialBackoff": "0.1s",
        "maxBackoff": "2s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"]
      }
    }
  ]
}
