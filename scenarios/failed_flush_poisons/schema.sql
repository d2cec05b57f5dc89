create table customer (
    id integer primary key,
    name text not null
);

create table coupon (
    code text primary key
);

insert into customer values (1, 'ann');
insert into coupon values ('WELCOME');
