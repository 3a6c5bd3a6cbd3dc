// A department with NestJS on its Kafka transport, as its users write one: nothing here knows of a
// gateway but the names of the headers with HTTP's part.

import "reflect-metadata";
import { Controller, Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import {
  Ctx,
  KafkaContext,
  MessagePattern,
  MicroserviceOptions,
  Payload,
  RpcException,
  Transport,
} from "@nestjs/microservices";

const [bootstrap, topic] = process.argv.slice(2);

@Controller()
class Department {
  @MessagePattern(topic)
  account(@Payload() asked: { subject: string }, @Ctx() context: KafkaContext) {
    if (asked.subject === "") {
      throw new RpcException({ statusCode: 404, message: "no account" });
    }
    if (asked.subject === "broken") {
      throw new TypeError("a secret of the department's code");
    }
    const headers = context.getMessage().headers ?? {};
    return {
      subject: asked.subject,
      monthsPaid: 214,
      method: headers["ce_httpmethod"],
      path: headers["ce_httppath"],
      query: headers["ce_httpquery"],
    };
  }
}

@Module({ controllers: [Department] })
class DepartmentModule {}

async function main() {
  const service = await NestFactory.createMicroservice<MicroserviceOptions>(DepartmentModule, {
    transport: Transport.KAFKA,
    logger: ["warn", "error"],
    options: {
      client: { brokers: [bootstrap] },
      consumer: { groupId: topic },
      subscribe: { fromBeginning: true },
    },
  });
  await service.listen();
  console.log("ready");
  process.stdin.on("end", () => process.exit()).resume();
}

void main();
