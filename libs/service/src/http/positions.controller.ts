import { Controller, Get, HttpCode, Inject, Post, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Allow, Caller, type Principal } from '@past-tense/auth';
import { Positions, PositionsUnknown, ResetRefused } from '@past-tense/messaging';
import type { Logger } from '@past-tense/telemetry';
import type { Response } from 'express';
import type { z } from 'zod';
import { LOGGER } from '../settings';
import {
  pageOf,
  positionsOf,
  positionsView,
  previewOf,
  resetOf,
  resetPage,
  resetPreview,
  resetRequest,
  resetsQuery,
  resetView,
  type ResetRequest,
  type ResetsQuery,
} from './position-views';
import { Problem } from './problem';
import { Accepts, Answers, Problems, QueryParameters, UuidParam, UuidPath, ValidBody, ValidQuery } from './valid';

/** How far the consumer of the service is, and the commands to have it go on elsewhere, for operators. */
@ApiTags('operations')
@Allow('operations')
@Controller('operations')
export class PositionsController {
  constructor(
    private readonly positions: Positions,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  @Get('positions')
  @ApiOperation({
    summary: 'See how far the consumer is',
    description: 'On every partition of the topics it consumes, whichever instances do the work, as Kafka knows it.',
  })
  @Answers(200, 'Its positions.', positionsView)
  @Problems({ 503: 'Kafka does not answer right now.' })
  async now(): Promise<z.infer<typeof positionsView>> {
    return positionsOf(await this.positions.now().catch((error: unknown) => this.#refuse(error)));
  }

  @Post('position-resets')
  @HttpCode(202)
  @ApiOperation({
    summary: 'Go on elsewhere',
    description:
      'Takes the consumer back or forward on a topic, or on one partition of it, without a restart. Each instance does it for the partitions it has within a second or two. Going back handles events once more, and the dedup absorbs those that took effect; going forward skips events, which are then never handled. What waits on retry tiers or among the dead letters stays there. A later reset of a partition supersedes one that is still pending.',
  })
  @Accepts(resetRequest)
  @Answers(200, 'What it would be (`dryRun`); nothing has changed.', resetPreview)
  @Answers(202, 'It is recorded and will be done; `Location` tells how far it is.', resetView)
  @Problems({
    400: 'The request is not valid; every wrong field is named.',
    422: 'The consumer does not consume that topic, or there is no such partition or offset.',
    503: 'Kafka does not answer right now.',
  })
  async reset(
    @ValidBody(resetRequest) { dryRun, ...command }: ResetRequest,
    @Caller() { subject }: Principal,
    @Res({ passthrough: true }) response: Response,
  ): Promise<z.infer<typeof resetPreview> | z.infer<typeof resetView>> {
    try {
      if (dryRun) {
        response.status(200);
        return previewOf(command.topic, await this.positions.preview(command));
      }
      const reset = await this.positions.reset(command, subject);
      response.setHeader('Location', `/operations/position-resets/${reset.id}`);
      return resetOf(reset);
    } catch (error) {
      return this.#refuse(error);
    }
  }

  @Get('position-resets')
  @ApiOperation({ summary: 'See which resets there were', description: 'The newest first.' })
  @QueryParameters(resetsQuery)
  @Answers(200, 'A page of resets.', resetPage)
  @Problems({ 400: 'The request is not valid; every wrong field is named.' })
  async list(@ValidQuery(resetsQuery) { limit, cursor }: ResetsQuery): Promise<z.infer<typeof resetPage>> {
    return pageOf(await this.positions.list(limit + 1, cursor), limit);
  }

  @Get('position-resets/:resetId')
  @ApiOperation({
    summary: 'See how far a reset is',
    description: 'On each partition, by which instance, and how much is left to catch up.',
  })
  @UuidPath('resetId', 'The reset.')
  @Answers(200, 'The reset.', resetView)
  @Problems({ 400: 'The id is no UUID.', 404: 'There is no such reset.' })
  async find(@UuidParam('resetId') resetId: string): Promise<z.infer<typeof resetView>> {
    const reset = await this.positions.find(resetId);
    if (!reset) throw new Problem(404, 'position-reset-not-found', 'Position reset not found', `There is no position reset ${resetId}.`);
    const now = await this.positions.now().catch((error: unknown) => {
      // Who asked for it, when and why is worth an answer without Kafka.
      this.logger.warn({ err: error }, 'how much of a reset is left is not known');
      return undefined;
    });
    return resetOf(reset, now);
  }

  #refuse(error: unknown): never {
    if (error instanceof ResetRefused)
      throw new Problem(422, `${error.part === 'to' ? 'offset' : error.part}-unknown`, 'Position cannot be reset', error.message, [
        { pointer: `/${error.part}`, detail: error.message },
      ]);
    if (!(error instanceof PositionsUnknown)) throw error;
    this.logger.warn({ err: error }, 'Kafka was asked for positions in vain');
    throw new Problem(503, 'unavailable', 'Temporarily unavailable', 'Kafka does not answer right now. Try again in a moment.').with({
      'Retry-After': '1',
    });
  }
}
