// A Lambda function as it is on AWS: events and answers have payload format 2.0.

interface HttpEvent {
  readonly queryStringParameters?: Readonly<Record<string, string>>;
}

interface Context {
  readonly awsRequestId: string;
}

export const handler = async (event: HttpEvent, context: Context) => ({
  statusCode: 200,
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ hello: event.queryStringParameters?.name ?? "world", requestId: context.awsRequestId }),
});
